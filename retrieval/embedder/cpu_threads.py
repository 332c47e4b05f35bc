"""One core for each thread that computes, so that none of them waits for another.

One batch on all cores is quick as long as nobody else wants a core: its threads meet after each operation, and where one of them was
held up the others wait for it, spinning. A server that reads documents always has something else to do. So each core has a batch to itself.
"""

import threading

import torch


def use_one_core(*, others: int) -> None:
    """Have the calling thread compute on one core from now on.

    Args:
        others: on how many cores threads compute that begin later; torch's setting is also what those begin with.
    """
    torch.get_num_threads()  # now this thread has a number of its own: before the first question a change elsewhere would become its too
    torch.set_num_threads(1)
    restoring = threading.Thread(target=torch.set_num_threads, args=(others,))
    restoring.start()
    restoring.join()
