"""A rhythm computed by two MPI processes."""

from hnn_core import MPIBackend, neymotin_2020_model, simulate_dipole

if __name__ == "__main__":
    net = neymotin_2020_model()
    net.add_bursty_drive(
        "bursty",
        tstart=10.0,
        burst_rate=10,
        burst_std=5,
        numspikes=2,
        spike_isi=10,
        n_drive_cells=5,
        location="distal",
        weights_ampa={"L2_pyramidal": 5.4e-5, "L5_pyramidal": 5.4e-5},
    )
    with MPIBackend(n_procs=2, mpi_cmd="mpiexec"):
        dpl = simulate_dipole(net, tstop=60.0, n_trials=1)
    dpl[0].plot(show=False)
