// SPDX-License-Identifier: Apache-2.0
// Which system calls a worker does not have: seccomp(2), classic BPF. Those it needs all the time are the first in line,
// for kernels that ask the filter at each call (before 5.11; later ones remember what is always allowed).
#pragma once

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define SLUICE_AUDIT_ARCH AUDIT_ARCH_X86_64
#define SLUICE_CALLS_OF_OLD SYS_fork, SYS_vfork, SYS_ioperm, SYS_iopl, SYS_modify_ldt, SYS_uselib,
#elif defined(__aarch64__)
#define SLUICE_AUDIT_ARCH AUDIT_ARCH_AARCH64
#define SLUICE_CALLS_OF_OLD
#else
#error "which system calls a worker has is not known here"
#endif

enum {
	SLUICE_CALL_LAST = 462,		// SYS_mseal: what came later nobody has looked at
	SLUICE_CALL_CLONE3 = 435,
	SLUICE_FILTER_SPEC_ALLOW = 4,	// SECCOMP_FILTER_FLAG_SPEC_ALLOW: no mitigation that costs each call
};

static const uint32_t sluice_calls_hot[] = {
	SYS_read, SYS_write, SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg, SYS_writev, SYS_splice, SYS_accept4,
	SYS_close, SYS_epoll_ctl, SYS_epoll_pwait, SYS_connect, SYS_setsockopt, SYS_getsockopt, SYS_shutdown,
	SYS_futex, SYS_madvise, SYS_mmap, SYS_munmap,
#if defined(__x86_64__)
	SYS_epoll_wait,
#endif
};

static const uint32_t sluice_calls_forbidden[] = {
	SLUICE_CALLS_OF_OLD
	// Programs and other processes.
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_kill,
	SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, 424 /* pidfd_send_signal */, 434 /* pidfd_open */,
	438 /* pidfd_getfd */, 440 /* process_madvise */, 448 /* process_mrelease */, SYS_setpriority,
	SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setattr, SYS_prlimit64, SYS_personality,
	// Namespaces and file systems.
	SYS_unshare, SYS_setns, SYS_chroot, SYS_pivot_root, SYS_mount, SYS_umount2, 428 /* open_tree */,
	429 /* move_mount */, 430 /* fsopen */, 431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */,
	442 /* mount_setattr */, SYS_swapon, SYS_swapoff, SYS_quotactl, 443 /* quotactl_fd */, SYS_open_by_handle_at,
	SYS_name_to_handle_at, SYS_fanotify_init, SYS_acct,
	// The kernel.
	SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_reboot, SYS_syslog, SYS_add_key, SYS_request_key, SYS_keyctl, 425 /* io_uring_setup */,
	426 /* io_uring_enter */, 427 /* io_uring_register */, SYS_vhangup, SYS_lookup_dcookie,
	// The host's name and clock; memory of other nodes.
	SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime,
	SYS_migrate_pages, SYS_move_pages, SYS_mbind, SYS_set_mempolicy,
};

#define SLUICE_COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define SLUICE_FIELD(name) (uint32_t)offsetof(struct seccomp_data, name)
#define SLUICE_ANSWER(verdict) (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict)
#define SLUICE_LOAD(name) (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SLUICE_FIELD(name))
#define SLUICE_REFUSED (SECCOMP_RET_ERRNO | EPERM)

// Of clone: only threads. Of tgkill: only this process, which abort(3) needs. Of socket: only IP. Little-endian: the argument's lower half comes first. The length.
static inline unsigned sluice_fill_filter(struct sock_filter *code)
{
	struct sock_filter *next = code;

	*next++ = SLUICE_LOAD(arch);
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SLUICE_AUDIT_ARCH, 1, 0);
	*next++ = SLUICE_ANSWER(SECCOMP_RET_KILL_PROCESS);
	*next++ = SLUICE_LOAD(nr);
	for (unsigned i = 0; i < SLUICE_COUNT(sluice_calls_hot); i++) {
		*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sluice_calls_hot[i], 0, 1);
		*next++ = SLUICE_ANSWER(SECCOMP_RET_ALLOW);
	}
	// Also those of the x32 ABI, whose numbers have bit 30. ENOSYS, so that the C library takes another way.
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SLUICE_CALL_LAST, 1, 0);
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SLUICE_CALL_CLONE3, 0, 1);
	*next++ = SLUICE_ANSWER(SECCOMP_RET_ERRNO | ENOSYS);
	for (unsigned i = 0; i < SLUICE_COUNT(sluice_calls_forbidden); i++) {
		*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sluice_calls_forbidden[i], 0, 1);
		*next++ = SLUICE_ANSWER(SLUICE_REFUSED);
	}
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
	*next++ = SLUICE_LOAD(args[0]);
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
	*next++ = SLUICE_ANSWER(SECCOMP_RET_ALLOW);
	*next++ = SLUICE_ANSWER(SLUICE_REFUSED);
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 4);
	*next++ = SLUICE_LOAD(args[0]);
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 0, 1);
	*next++ = SLUICE_ANSWER(SECCOMP_RET_ALLOW);
	*next++ = SLUICE_ANSWER(SLUICE_REFUSED);
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4);
	*next++ = SLUICE_LOAD(args[0]);
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0);
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0);
	*next++ = SLUICE_ANSWER(SLUICE_REFUSED);
	*next++ = SLUICE_ANSWER(SECCOMP_RET_ALLOW);
	return (unsigned)(next - code);
}

// Needs no_new_privs. For this thread and those that it begins, for good. 0 or -errno.
static inline int sluice_forbid_system_calls(void)
{
	struct sock_filter code[2 * (SLUICE_COUNT(sluice_calls_hot) + SLUICE_COUNT(sluice_calls_forbidden)) + 32];
	struct sock_fprog program = { .len = (unsigned short)sluice_fill_filter(code), .filter = code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SLUICE_FILTER_SPEC_ALLOW, &program) < 0 ? -errno : 0;
}

// tgkill(2) of a process's first thread with no signal: whether it could be sent one. 0, or -1 and errno.
static inline int sluice_may_signal(int process)
{
	return (int)syscall(SYS_tgkill, process, process, 0);
}

// unshare(2) of the table of descriptors, which takes no right but that to call it.
static inline int sluice_unshare_files(void)
{
	return (int)syscall(SYS_unshare, CLONE_FILES);
}
