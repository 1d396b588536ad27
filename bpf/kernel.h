/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The few kernel declarations that the probe programs need, so that building asks for clang and nothing else: no
 * vmlinux.h (nothing here depends on one kernel's layout), no libbpf headers. Helper numbers are those of
 * include/uapi/linux/bpf.h, which never change.
 */
#ifndef PROBELENS_KERNEL_H
#define PROBELENS_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef signed short s16;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;

#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* BTF-defined maps: tools/lib/bpf/bpf_helpers.h. */
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
/* The map's memory can be mapped (Linux 5.5). */
enum { BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_RB_NO_WAKEUP = 1 };

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const bpf_tail_call)(void *ctx, void *prog_array_map, u32 index) = (void *)12;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static u64 (*const bpf_get_current_task)(void) = (void *)35;
static long (*const bpf_probe_read_user)(void *dst, u32 size, const void *unsafe_ptr) = (void *)112;
/* Linux 5.6. */
static u64 (*const bpf_jiffies64)(void) = (void *)118;
static long (*const bpf_probe_read_kernel)(void *dst, u32 size, const void *unsafe_ptr) = (void *)113;
struct bpf_pidns_info {
	u32 pid;
	u32 tgid;
};
static long (*const bpf_get_ns_current_pid_tgid)(u64 dev, u64 ino, struct bpf_pidns_info *nsdata,
						 u32 size) = (void *)120;
/* Linux 5.6. */
static long (*const bpf_send_signal_thread)(u32 sig) = (void *)117;
/* In sleepable programs only: for uprobes Linux 6.0. */
static long (*const bpf_copy_from_user)(void *dst, u32 size, const void *user_ptr) = (void *)148;
static long (*const bpf_ringbuf_output)(void *ringbuf, void *data, u64 size, u64 flags) = (void *)130;
static void *(*const bpf_ringbuf_reserve)(void *ringbuf, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
/* Linux 5.15. */
static u64 (*const bpf_get_attach_cookie)(void *ctx) = (void *)174;
/* Linux 5.17. */
static long (*const bpf_loop)(u32 rounds, void *callback, void *context, u64 flags) = (void *)181;

/* Keeps clang from undoing a bound check that the verifier must see on this very register. */
#define opaque(value) asm volatile("" : "+r"(value))

#ifdef __TARGET_ARCH_x86
/* The context of a uprobe program: arch/x86/include/asm/ptrace.h (bpf_user_pt_regs_t), stable since it is UAPI. */
struct pt_regs {
	u64 r15, r14, r13, r12, bp, bx;
	u64 r11, r10, r9, r8, ax, cx, dx, si, di;
	u64 orig_ax, ip, cs, flags, sp, ss;
};
#else
#error "no register layout for this architecture"
#endif

#endif
