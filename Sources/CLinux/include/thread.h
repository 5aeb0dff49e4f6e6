// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

// The C library shows these system calls to _GNU_SOURCE alone, which Swift does not set.

#define LINUX_CPUS_MAX 1024
#define LINUX_CPU_WORD_BITS (8 * (int)sizeof(unsigned long))
#define LINUX_CPU_WORDS (LINUX_CPUS_MAX / LINUX_CPU_WORD_BITS)

struct linux_cpus {
    unsigned long words[LINUX_CPU_WORDS];
};

// The CPUs that a thread may run on; 0: the calling one. See sched_getaffinity(2).
static inline int linux_get_cpus(pid_t thread, struct linux_cpus *cpus) {
    *cpus = (struct linux_cpus){ 0 };
    return syscall(SYS_sched_getaffinity, thread, sizeof(*cpus), cpus) < 0 ? -1 : 0;
}

// Of the calling thread, and of threads and processes that it starts from now on.
static inline int linux_set_cpus(const struct linux_cpus *cpus) {
    return (int)syscall(SYS_sched_setaffinity, 0, sizeof(*cpus), cpus);
}

static inline int linux_has_cpu(const struct linux_cpus *cpus, int cpu) {
    return cpu >= 0 && cpu < LINUX_CPUS_MAX &&
        (cpus->words[cpu / LINUX_CPU_WORD_BITS] >> cpu % LINUX_CPU_WORD_BITS & 1) != 0;
}

static inline int linux_run_on_cpu(int cpu) {
    struct linux_cpus cpus = { 0 };

    if (cpu < 0 || cpu >= LINUX_CPUS_MAX) {
        errno = EINVAL;
        return -1;
    }
    cpus.words[cpu / LINUX_CPU_WORD_BITS] = 1UL << cpu % LINUX_CPU_WORD_BITS;
    return linux_set_cpus(&cpus);
}

// Gives the calling thread a network namespace of its own; it goes with the last thread and process in it.
static inline int linux_unshare_network(void) {
    return (int)syscall(SYS_unshare, CLONE_NEWNET);
}

// Moves the calling thread to the namespace that the descriptor names, see setns(2).
static inline int linux_enter_network(int descriptor) {
    return (int)syscall(SYS_setns, descriptor, CLONE_NEWNET);
}
