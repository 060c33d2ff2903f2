"""Processes that train the same weights in shared memory."""

import torch.multiprocessing as mp


def run_workers(target, arguments):
    """Runs `target` in a process for each tuple of arguments, and waits for all of them."""
    workers = [mp.Process(target=target, args=args) for args in arguments]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError(f"a worker ended with exit status {worker.exitcode}")
