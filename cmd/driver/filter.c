#include "filter.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "host/path.h"

/* Names that a C library or an architecture does not know are passed over. */
static const char *const refused[] = {
    /* the machine: its kernel, clock, swap, quotas, accounts */
    "acct", "clock_adjtime", "clock_settime", "create_module", "delete_module", "finit_module",
    "get_kernel_syms", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load",
    "lookup_dcookie", "nfsservctl", "query_module", "quotactl", "quotactl_fd", "reboot",
    "settimeofday", "stime", "swapoff", "swapon", "_sysctl", "sysfs", "syslog", "uselib", "ustat",
    "vm86", "vm86old",
    /* mounts and namespaces: what a sandbox is made of */
    "chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount",
    "open_tree", "pivot_root", "setns", "umount", "umount2", "unshare",
    /* what no namespace divides: keys, files by handle, comparing the kernel's addresses */
    "add_key", "fanotify_init", "kcmp", "keyctl", "open_by_handle_at", "request_key",
    /* the parts of the kernel through which sandboxes have been left */
    "bpf", "io_uring_enter", "io_uring_register", "io_uring_setup", "perf_event_open",
    "userfaultfd"};

/* Those that a library may be too old to know by name; since 403 all architectures have the same.
 */
static const uint32_t numbered[] = {467 /* open_tree_attr */};

static const struct {
    const char *call;
    unsigned arg;
    enum scmp_compare how;
    scmp_datum_t mask, value; /* without a mask only the value */
} refused_when[] = {
    /* clone3 has its flags in memory, where no filter sees them; who gets ENOSYS uses clone */
    {"clone", 0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER},
    {"clone", 0, SCMP_CMP_MASKED_EQ, CLONE_NEWNS, CLONE_NEWNS},
    {"clone", 0, SCMP_CMP_MASKED_EQ, CLONE_NEWNET, CLONE_NEWNET},
    {"clone", 0, SCMP_CMP_MASKED_EQ, CLONE_NEWPID, CLONE_NEWPID},
    {"clone", 0, SCMP_CMP_MASKED_EQ, CLONE_NEWIPC, CLONE_NEWIPC},
    {"clone", 0, SCMP_CMP_MASKED_EQ, CLONE_NEWUTS, CLONE_NEWUTS},
    {"clone", 0, SCMP_CMP_MASKED_EQ, CLONE_NEWCGROUP, CLONE_NEWCGROUP},
    /* putting words into a terminal that others read */
    {"ioctl", 1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI},
    {"ioctl", 1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCLINUX},
    /* of the kinds of sockets only those are in a network namespace, and used, that stay: unix,
     * inet, inet6, netlink. vsock reaches the host of a virtual machine. */
    {"socket", 0, SCMP_CMP_GT, 0, AF_NETLINK},
    {"socketpair", 0, SCMP_CMP_GT, 0, AF_UNIX},
};

static int deny(scmp_filter_ctx f, const char *call, int errnum, unsigned n,
                const struct scmp_arg_cmp *when)
{
    const int number = seccomp_syscall_resolve_name(call);
    return number == __NR_SCMP_ERROR
               ? 0
               : seccomp_rule_add_array(f, SCMP_ACT_ERRNO((uint32_t)errnum), number, n, when);
}

static int deny_sockets(scmp_filter_ctx f)
{
    int rc = 0;
    for (scmp_datum_t family = AF_UNIX + 1; family < AF_NETLINK && rc == 0; family++)
        if (family != AF_INET && family != AF_INET6)
            rc = deny(f, "socket", EPERM, 1, &(struct scmp_arg_cmp){0, SCMP_CMP_EQ, family, 0});
    return rc;
}

static int fill(scmp_filter_ctx f)
{
    int rc = 0;
    for (size_t i = 0; i < COUNT(refused) && rc == 0; i++)
        rc = deny(f, refused[i], EPERM, 0, NULL);
    for (size_t i = 0; i < COUNT(refused_when) && rc == 0; i++) {
        const bool masked = refused_when[i].how == SCMP_CMP_MASKED_EQ;
        const scmp_datum_t value = refused_when[i].value, mask = refused_when[i].mask;
        rc = deny(f, refused_when[i].call, EPERM, 1,
                  &(struct scmp_arg_cmp){refused_when[i].arg, refused_when[i].how,
                                         masked ? mask : value, masked ? value : 0});
    }
    if (rc == 0)
        rc = deny_sockets(f);
    return rc < 0 ? rc : deny(f, "clone3", ENOSYS, 0, NULL);
}

/* Programs of 32 bits run beside those of 64; what is neither (x32) has no calls at all. */
static int settle(scmp_filter_ctx f)
{
    static const struct {
        uint32_t big, small;
    } pairs[] = {{SCMP_ARCH_X86_64, SCMP_ARCH_X86}, {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM}};
    int rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    for (size_t i = 0; i < COUNT(pairs) && rc == 0; i++)
        if (pairs[i].big == seccomp_arch_native())
            rc = seccomp_arch_add(f, pairs[i].small);
    if (rc == 0)
        seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree; older ones have lists */
    return rc;
}

/* Before what the library writes, whose jumps are relative. */
static int refuse_numbered(int fd)
{
    for (size_t i = 0; i < COUNT(numbered); i++) {
        const struct sock_filter steps[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbered[i], 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)};
        if (fd_write(fd, steps, sizeof(steps)) < 0)
            return -errno;
    }
    return 0;
}

int filter_open(struct err *err)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    int fd = memfd_create("execdm", 0);
    int rc = f && fd >= 0 ? settle(f) : -ENOMEM;
    if (rc == 0)
        rc = fill(f);
    if (rc == 0)
        rc = refuse_numbered(fd);
    if (rc == 0)
        rc = seccomp_export_bpf(f, fd);
    seccomp_release(f);
    if (rc == 0 && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    fd_fini(&fd);
    return err_set(err, CODE_OS, "cannot make a filter of system calls: %s", strerror(-rc));
}
