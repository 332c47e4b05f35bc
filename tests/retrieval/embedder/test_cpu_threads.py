import threading

import torch

from retrieval.embedder.cpu_threads import use_one_core


def n_threads_in_a_new_thread(prepare=lambda: None) -> int:
    seen = []
    thread = threading.Thread(target=lambda: (prepare(), seen.append(torch.get_num_threads())))
    thread.start()
    thread.join()
    return seen[0]


def test_one_thread_computes_on_one_core_and_all_others_on_as_many_as_before():
    here = torch.get_num_threads()
    assert n_threads_in_a_new_thread(lambda: use_one_core(others=3)) == 1
    assert n_threads_in_a_new_thread() == 3
    assert n_threads_in_a_new_thread(lambda: use_one_core(others=here)) == 1
    assert n_threads_in_a_new_thread() == here
    assert torch.get_num_threads() == here
