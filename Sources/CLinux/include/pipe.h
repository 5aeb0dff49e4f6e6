// SPDX-License-Identifier: Apache-2.0
// Bytes that pass from socket to socket without coming by user space: splice(2), pipe(7).
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.h"

// fcntl is variadic; F_SETPIPE_SZ and the SPLICE_F_ flags are shown to _GNU_SOURCE alone.
enum { LINUX_SET_PIPE_SIZE = 1031, LINUX_GET_PIPE_SIZE = 1032, LINUX_SPLICE_MOVE = 1, LINUX_SPLICE_NONBLOCK = 2 };

// Both ends non-blocking. Room for `size` bytes if the user's share of pipe pages allows. Its room, or -1.
static inline int linux_pipe_open(int ends[2], int size) {
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        return -1;
    }
    // Refused beyond the share: the pipe serves as it is.
    (void)fcntl(ends[0], LINUX_SET_PIPE_SIZE, size);
    return fcntl(ends[0], LINUX_GET_PIPE_SIZE);
}

static inline ssize_t linux_splice(int from, int to, size_t count) {
    return syscall(SYS_splice, from, NULL, to, NULL, count, LINUX_SPLICE_MOVE | LINUX_SPLICE_NONBLOCK);
}

// Of the calling thread: the signal then stays pending, and the call answers EPIPE.
static inline void linux_block_pipe_signal(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}
