// SPDX-License-Identifier: Apache-2.0
// Numbers in memory that several processes have: memfd_create(2), mmap(2). One process writes each, all may read it.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LINUX_MEMFD_SHARED = 3,      // MFD_CLOEXEC | MFD_ALLOW_SEALING
    LINUX_ADD_SEALS = 1033,      // F_ADD_SEALS, which glibc shows only under _GNU_SOURCE, as the seals
    LINUX_GET_SEALS = 1034,
    LINUX_SEALS_OF_SIZE = 7,     // F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW
};

// A file of memory whose size nobody can change any more: one that shrinks would end who has it mapped.
static inline int linux_sized_memory_file(const char *name, long size) {
    int fd = (int)syscall(SYS_memfd_create, name, LINUX_MEMFD_SHARED);

    if (fd < 0) {
        return -1;
    }
    if (ftruncate(fd, size) || fcntl(fd, LINUX_ADD_SEALS, LINUX_SEALS_OF_SIZE)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static inline int linux_is_sealed(int fd) {
    int seals = fcntl(fd, LINUX_GET_SEALS);
    return seals >= 0 && (seals & LINUX_SEALS_OF_SIZE) == LINUX_SEALS_OF_SIZE;
}

// NULL and errno where it cannot be mapped.
static inline void *linux_map_shared(int fd, long size) {
    void *memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static inline int32_t linux_load(const int32_t *number) {
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static inline void linux_store(int32_t *number, int32_t value) {
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}
