"""
A film of the network
=====================

What happens in a column in a sixth of a second is more than a static figure can hold. Here we record the voltage of
every section of every cell, look at single moments from any side, and make films: of the whole network, and of one
cell.
"""

# %%
# Record everything
# -----------------
# ``vsec="all"`` keeps all sections, ``every=20`` one sample each 0.5 ms. For the eye we put cells 300 µm apart: only
# what is drawn changes, since connections stay as they are.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import viz

net = hnnlib.jones_2009_model(add_drives_from_params=True, mesh_shape=(5, 5))
net.set_cell_positions(inplane_distance=300.0)
result = hnnlib.simulate(net, tstop=170.0, record=hnnlib.Record(vsec="all", every=20))

# %%
# Four moments
# ------------
# A plotter holds the picture; its settings can be changed at any time.

figure = plt.figure(figsize=(11.0, 9.0), layout="constrained")
for place, time in enumerate((20.0, 66.0, 72.0, 140.0)):
    ax = figure.add_subplot(2, 2, place + 1, projection="3d")
    plotter = viz.NetworkPlotter(result, ax=ax, colorbar=place == 1, vmin=-90.0, vmax=30.0, elev=8.0, azim=-60.0)
    plotter.time_idx = round(time / 0.5)
    ax.set_title(f"{time:g} ms", color="k")
plt.show()

# %%
# A film
# ------
# The file's name says what it becomes: ``.gif``, ``.html`` (a page with controls), or ``.mp4`` where ffmpeg is
# installed. ``decim=10`` shows every tenth sample, one each 5 ms.

folder = Path(tempfile.mkdtemp())
plotter = viz.NetworkPlotter(result, vmin=-90.0, vmax=30.0, elev=8.0, azim=-60.0)
plotter.export_movie(folder / "network.gif", fps=8, dpi=60, decim=10)
print(f"{(folder / 'network.gif').stat().st_size / 1e6:.1f} MB")
plotter.time_idx = 132  # what stays on this page is the frame at 66 ms

# %%
# One cell
# --------
# Time against distance: the distal volley at 63 ms makes a spike that begins in the tuft and runs down to the basal
# dendrites; later ones begin further down the apical dendrite.

gid = net.gid_ranges["L5_pyramidal"].start + len(net.gid_ranges["L5_pyramidal"]) // 2
viz.plot_cell_voltage(result, gid=gid, tmin=50.0)

# %%
# And this cell as a film.

viz.export_cell_movie(result, gid, folder / "cell.gif", fps=8, dpi=60, decim=10, frame_start=100)

# %%
# In the browser
# --------------
# With plotly (``pip install 'hnnlib[viz]'``) the network becomes a page that can be turned and zoomed, and played;
# rasters and dipoles can be had so too. Each is one file that needs no network.

viz.interactive_network(result, color="voltage", n_frames=20, path=folder / "network.html")
viz.interactive_raster(result.cell_response, path=folder / "raster.html")
viz.interactive_dipole([dipole.copy().smooth(30) for dipole in result.dipoles], path=folder / "dipole.html")
print(sorted(path.name for path in folder.iterdir()))
