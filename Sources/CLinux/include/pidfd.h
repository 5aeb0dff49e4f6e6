// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// A descriptor that is readable when the process has ended: pidfd_open(2), Linux 5.3. It closes on exec.
static inline int linux_pidfd_open(pid_t process) {
    return (int)syscall(SYS_pidfd_open, process, 0);
}

// Of the very process that it was opened for, whoever has its number now: pidfd_send_signal(2), Linux 5.1.
static inline int linux_pidfd_signal(int fd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, fd, signal, (void *)0, 0);
}
