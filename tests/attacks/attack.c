/* attack: what a hostile program tries from inside a job. Static, so that it runs in any image.
 *
 *     attack list          names of all, one a line
 *     attack bomb          makes as many processes as it can, and says how many
 *     attack deep          makes directories in one another, 5000 deep, and closes the last
 *     attack [NAME...]     tries them (all), each in a process of its own; prints NAME and `held`,
 * or `ESCAPED` and how; exit 1 when one escaped
 *
 * What there is outside to find, the environment says; what is not said is not tried for, and
 * counts as held: PORT (listening on 127.0.0.1 and ::1), SOCKET (a path), ABSTRACT (a name), VICTIM
 * (a process id), SECRET (a file), STATE (a directory), SHM (an id of System V), INPUT (a file that
 * may only be read). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_alg.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What an attack answers: NULL it was held, else how it got out. */
typedef const char *(*attempt)(void);

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

static int connected(int family, const void *address, socklen_t size)
{
    const int fd = socket(family, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, address, size) == 0;
}

static bool writes(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY);
    return fd >= 0 && write(fd, text, strlen(text)) >= 0;
}

/* --- network --- */

static const char *ipv4(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (!env("PORT"))
        return NULL;
    a.sin_port = htons((uint16_t)strtol(env("PORT"), NULL, 10));
    return connected(AF_INET, &a, sizeof(a)) ? "connected to 127.0.0.1" : NULL;
}

static const char *ipv6(void)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (!env("PORT"))
        return NULL;
    a.sin6_port = htons((uint16_t)strtol(env("PORT"), NULL, 10));
    return connected(AF_INET6, &a, sizeof(a)) ? "connected to ::1" : NULL;
}

/* To any address: there is no way to send it. */
static const char *dns(void)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0xc0000201)};
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return fd >= 0 && sendto(fd, "?", 1, 0, (struct sockaddr *)&a, sizeof(a)) == 1
               ? "sent a datagram"
               : NULL;
}

static const char *unix_path(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!env("SOCKET"))
        return NULL;
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", env("SOCKET"));
    return connected(AF_UNIX, &a, sizeof(a)) ? "connected to a socket of the host" : NULL;
}

static const char *unix_abstract(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!env("ABSTRACT"))
        return NULL;
    const int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "%s", env("ABSTRACT"));
    return connected(AF_UNIX, &a,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n))
               ? "connected to an abstract socket of the host"
               : NULL;
}

static const char *odd_sockets(void)
{
    static const struct {
        int family, type, protocol;
        const char *name;
    } kinds[] = {{AF_VSOCK, SOCK_STREAM, 0, "a vsock socket"},
                 {AF_ALG, SOCK_SEQPACKET, 0, "an alg socket"},
                 {AF_PACKET, SOCK_RAW, 0, "a packet socket"},
                 {AF_INET, SOCK_RAW, IPPROTO_ICMP, "a raw socket"},
                 {AF_INET6, SOCK_RAW, IPPROTO_TCP, "a raw socket of IPv6"},
                 {38 + 2, SOCK_RAW, 0, "a socket of family 40"}};
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (socket(kinds[i].family, kinds[i].type, kinds[i].protocol) >= 0)
            return kinds[i].name;
    return NULL;
}

/* Brings an interface up and gives it an address. */
static const char *netlink(void)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg info;
        struct {
            struct nlmsgerr error;
        } room;
    } m = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                    .nlmsg_type = RTM_NEWLINK,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
           .info = {.ifi_index = 1, .ifi_change = 1, .ifi_flags = 1}};
    char answer[4096];
    const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (fd < 0 || send(fd, &m, m.head.nlmsg_len, 0) < 0 ||
        recv(fd, answer, sizeof(answer), 0) < (ssize_t)sizeof(struct nlmsghdr))
        return NULL;
    const struct nlmsgerr *e = NLMSG_DATA((struct nlmsghdr *)answer);
    return e->error == 0 ? "changed an interface" : NULL;
}

/* --- files, processes and memory of others --- */

static const char *files(void)
{
    static const char *const ways[] = {"%s",
                                       "/proc/self/root%s",
                                       "/proc/1/root%s",
                                       "/proc/self/cwd/../../../../..%s",
                                       "/outputs/../../../../../../..%s",
                                       "/dev/fd/../../../..%s"};
    char path[4096];
    for (size_t i = 0; env("SECRET") && i < COUNT(ways); i++) {
        snprintf(path, sizeof(path), ways[i], env("SECRET"));
        if (open(path, O_RDONLY) >= 0)
            return "read a file of the host";
    }
    return NULL;
}

static const char *state(void)
{
    static const char *const names[] = {"execdm.db", "jobs", "key", "images", "jobs/../lock"};
    char path[4096];
    struct stat st;
    for (size_t i = 0; env("STATE") && i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", env("STATE"), names[i]);
        if (stat(path, &st) == 0)
            return "found the job store";
    }
    return NULL;
}

/* The record of its own end, and what tells the supervisor of it. */
static const char *record(void)
{
    static const char *const names[] = {"exit.json", "started", "alive",
                                        "control",   "stdout",  "cgroup"};
    char path[4096];
    struct stat st;
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "/outputs/../%s", names[i]);
        if (stat(path, &st) == 0)
            return "found the directory of the attempt";
    }
    for (int i = 3; i < 16; i++) {
        snprintf(path, sizeof(path), "/proc/1/fd/%d", i);
        if (open(path, O_WRONLY | O_NONBLOCK) >= 0)
            return "opened what execdm-init has open";
    }
    return open("/execdm/told", O_WRONLY | O_NONBLOCK) >= 0 || chmod("/execdm/told", 0666) == 0 ||
                   open("/execdm/told", O_RDWR | O_NONBLOCK) >= 0
               ? "opened the FIFO of execdm-init"
               : NULL;
}

static const char *processes(void)
{
    char path[64];
    if (!env("VICTIM"))
        return NULL;
    snprintf(path, sizeof(path), "/proc/%s/status", env("VICTIM"));
    return access(path, F_OK) == 0 ? "saw a process of the host" : NULL;
}

static const char *signals(void)
{
    return env("VICTIM") && kill((pid_t)strtol(env("VICTIM"), NULL, 10), 0) == 0
               ? "may signal a process of the host"
               : NULL;
}

static const char *descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    for (const struct dirent *e; d && (e = readdir(d));) {
        const long n = strtol(e->d_name, NULL, 10);
        if (n > 2 && n != dirfd(d))
            return "a descriptor of others is open";
    }
    return NULL;
}

static const char *shared_memory(void)
{
    struct shm_info all;
    if (env("SHM") &&
        shmctl((int)strtol(env("SHM"), NULL, 10), IPC_STAT, &(struct shmid_ds){0}) == 0)
        return "found shared memory of the host";
    if (env("SHM") && shmctl(0, SHM_INFO, (struct shmid_ds *)&all) >= 0 && all.used_ids > 0)
        return "saw that there is shared memory";
    return NULL;
}

/* --- other rights --- */

static const char *become_root(void)
{
    return setuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0 || setgroups(0, NULL) == 0
               ? "became another user"
               : NULL;
}

static const char *privileges(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long long caps = 0, one;
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "Cap%*3s: %llx", &one) == 1)
            caps |= one;
    if (caps)
        return "has a capability, or may get one";
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? NULL
                                                       : "may get rights by a setuid program";
}

static int nothing(void *unused)
{
    (void)unused;
    return 0;
}

static const char *namespaces(void)
{
    static char stack[65536];
    static const int kinds[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWNET,   CLONE_NEWPID,
                                CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    struct {
        uint64_t flags, rest[10];
    } args = {.flags = CLONE_NEWUSER};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (unshare(kinds[i]) == 0)
            return "made a namespace by unshare";
        if (clone(nothing, stack + sizeof(stack), kinds[i] | SIGCHLD, NULL) >= 0)
            return "made a namespace by clone";
    }
    const long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        return "made a namespace by clone3";
    const int fd = open("/proc/1/ns/mnt", O_RDONLY);
    return fd >= 0 && setns(fd, 0) == 0 ? "entered a namespace" : NULL;
}

static const char *mounts(void)
{
    if (mount("none", "/tmp", "tmpfs", 0, NULL) == 0)
        return "mounted a tmpfs";
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
        return "made the root writable";
    if (mount("/proc", "/tmp", NULL, MS_BIND, NULL) == 0)
        return "bound a directory";
    if (umount2("/proc", MNT_DETACH) == 0 || umount2("/dev", MNT_DETACH) == 0)
        return "unmounted";
    if (syscall(SYS_open_tree, AT_FDCWD, "/", 1) >= 0 || syscall(SYS_fsopen, "tmpfs", 0) >= 0)
        return "took a mount into its hand";
    if (syscall(467 /* open_tree_attr */, AT_FDCWD, "/", ~0U, NULL, 0) >= 0 || errno != EPERM)
        return "may call open_tree_attr";
    return chroot("/tmp") == 0 || syscall(SYS_pivot_root, ".", ".") == 0 ? "changed the root"
                                                                         : NULL;
}

static const char *trace_init(void)
{
    if (ptrace(PTRACE_ATTACH, 1, NULL, NULL) == 0)
        return "traces execdm-init";
    return open("/proc/1/mem", O_RDWR) >= 0 ? "opened the memory of execdm-init" : NULL;
}

/* It cannot be ended, nor stopped, from inside. */
static const char *kill_init(void)
{
    kill(1, SIGKILL);
    kill(1, SIGSTOP);
    kill(1, SIGSEGV);
    usleep(100000);
    return kill(1, 0) == 0 ? NULL : "ended execdm-init";
}

static const char *keys(void)
{
    if (syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3, 1) >= 0)
        return "found the session keyring";
    return syscall(SYS_add_key, "user", "execdm", "x", 1, -4) >= 0 ? "added a key" : NULL;
}

static const char *inputs(void)
{
    char path[4096];
    const char *input = env("INPUT");
    if (!input)
        return NULL;
    snprintf(path, sizeof(path), "/proc/self/root%s", input);
    if (writes(input, "x") || writes(path, "x") || truncate(input, 0) == 0)
        return "wrote an input";
    if (chmod(input, 0777) == 0 || chown(input, 1, 1) == 0 ||
        utimensat(AT_FDCWD, input, NULL, 0) == 0)
        return "changed what is known of an input";
    snprintf(path, sizeof(path), "/proc/self/fd/%d", open(input, O_RDONLY));
    if (writes(path, "x"))
        return "wrote an input through a descriptor";
    if (mount(NULL, input, NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
        return "made an input writable";
    if (link(input, "/outputs/linked") == 0)
        return "made a hard link to an input";
    return unlink(input) == 0 || rename(input, "/outputs/moved") == 0 ? "removed an input" : NULL;
}

static const char *readonly_root(void)
{
    static const char *const places[] = {"/x",     "/usr/x",    "/bin/x",
                                         "/etc/x", "/execdm/x", "/proc/x"};
    for (size_t i = 0; i < COUNT(places); i++)
        if (open(places[i], O_WRONLY | O_CREAT, 0600) >= 0)
            return places[i];
    return writes("/execdm/init", "x") ? "wrote execdm-init" : NULL;
}

/* --- the machine --- */

static const char *devices(void)
{
    static const char *const nodes[] = {
        "/dev/mem", "/dev/kmsg",         "/dev/kvm",     "/dev/fuse",        "/dev/sda",
        "/dev/vda", "/dev/loop-control", "/dev/net/tun", "/dev/vhost-vsock", "/dev/port"};
    static const char *const places[] = {"/outputs/device", "/tmp/device", "/dev/device"};
    for (size_t i = 0; i < COUNT(nodes); i++)
        if (open(nodes[i], O_RDONLY) >= 0)
            return nodes[i];
    for (size_t i = 0; i < COUNT(places); i++)
        if ((mknod(places[i], S_IFBLK | 0600, (dev_t)(8 << 8)) == 0 ||
             mknod(places[i], S_IFCHR | 0600, (dev_t)(1 << 8 | 1)) == 0) &&
            open(places[i], O_RDONLY) >= 0)
            return "made a device";
    return NULL;
}

static const char *terminal(void)
{
    const int fd = open("/dev/tty", O_RDWR);
    if (fd >= 0)
        return "has a terminal";
    for (int i = 0; i <= 2; i++)
        if (ioctl(i, TIOCSTI, "x") == 0)
            return "put a word into a terminal";
    return NULL;
}

/* To what it is: should it work, nothing is lost. */
static const char *clocks(void)
{
    struct timespec t;
    struct timeval v;
    clock_gettime(CLOCK_REALTIME, &t);
    gettimeofday(&v, NULL);
    return clock_settime(CLOCK_REALTIME, &t) == 0 || settimeofday(&v, NULL) == 0 ? "set the clock"
                                                                                 : NULL;
}

static const char *hostname(void)
{
    return sethostname("attack", 6) == 0 || setdomainname("attack", 6) == 0
               ? "changed the name of the host"
               : NULL;
}

static const char *settings(void)
{
    static const char *const places[] = {"/proc/sys/kernel/core_pattern",
                                         "/proc/sys/kernel/hostname",
                                         "/proc/sys/vm/overcommit_memory",
                                         "/proc/sys/kernel/modprobe",
                                         "/proc/sys/net/ipv4/ip_forward",
                                         "/proc/sysrq-trigger",
                                         "/proc/sys/fs/binfmt_misc/register",
                                         "/proc/irq/default_smp_affinity",
                                         "/proc/1/oom_score_adj"};
    for (size_t i = 0; i < COUNT(places); i++)
        if (open(places[i], O_WRONLY) >= 0)
            return places[i];
    return open("/sys/power/state", O_WRONLY) >= 0 ? "/sys" : NULL;
}

static const char *cgroups(void)
{
    struct stat st;
    if (stat("/sys/fs/cgroup/cgroup.procs", &st) == 0 &&
        access("/sys/fs/cgroup/cgroup.procs", W_OK) == 0)
        return "may leave its control group";
    if (mount("none", "/tmp", "cgroup2", 0, NULL) == 0 ||
        mount("none", "/tmp", "cgroup", 0, "memory") == 0)
        return "mounted the control groups";
    return NULL;
}

static const char *modules(void)
{
    if (syscall(SYS_init_module, "", 0, "") == 0 || syscall(SYS_finit_module, 0, "", 0) == 0 ||
        syscall(SYS_delete_module, "loop", 0) == 0)
        return "loaded a module";
    return syscall(SYS_kexec_load, 0, 0, NULL, 0) == 0 ? "loaded a kernel" : NULL;
}

static const char *kernel_log(void)
{
    char text[64];
    return syscall(SYS_syslog, 3, text, sizeof(text)) >= 0 ? "read the kernel's log" : NULL;
}

/* Calls that have let programs out, each with arguments that work, or would be faulted for
 * themselves. */
static const char *surface(void)
{
    char room[256] = {0};
    static char attr[128];
    struct {
        uint32_t type, key, value, entries;
        char rest[112];
    } map = {.type = 1, .key = 4, .value = 4, .entries = 1};
    *(uint32_t *)attr = 1; /* PERF_TYPE_SOFTWARE */
    *(uint32_t *)(attr + 4) = sizeof(attr);
    if (syscall(SYS_bpf, 0, &map, sizeof(map)) >= 0)
        return "bpf";
    if (syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */) >= 0)
        return "userfaultfd";
    if (syscall(SYS_perf_event_open, attr, 0, -1, -1, 0) >= 0)
        return "perf_event_open";
    if (syscall(SYS_io_uring_setup, 1, room) >= 0)
        return "io_uring";
    if (syscall(SYS_open_by_handle_at, 0, room, 0) >= 0)
        return "open_by_handle_at";
    if (syscall(SYS_swapon, "/outputs/x", 0) == 0 || syscall(SYS_acct, "/outputs/x") == 0)
        return "swapon, acct";
    return syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 1) >= 0 ? "kcmp" : NULL;
}

/* Ahead of others, or beyond a limit. */
static const char *priority(void)
{
    struct sched_param p = {.sched_priority = 1};
    struct rlimit core;
    if (setpriority(PRIO_PROCESS, 0, -10) == 0)
        return "goes before others";
    if (sched_setscheduler(0, SCHED_FIFO, &p) == 0)
        return "runs in real time";
    if (writes("/proc/self/oom_score_adj", "-1000"))
        return "is never ended for want of memory";
    getrlimit(RLIMIT_CORE, &core);
    return core.rlim_max == 0 ? NULL : "may leave a dump of memory";
}

static const char *environment(void)
{
    extern char **environ;
    for (char **e = environ; *e; e++)
        if (strncmp(*e, "EXECDM_", 7) == 0 || strncmp(*e, "SLURM_", 6) == 0 ||
            strncmp(*e, "MUNGE", 5) == 0)
            return *e;
    return NULL;
}

static const struct {
    const char *name;
    attempt try;
} attacks[] = {
    {"ipv4", ipv4},
    {"ipv6", ipv6},
    {"dns", dns},
    {"unix-path", unix_path},
    {"unix-abstract", unix_abstract},
    {"odd-sockets", odd_sockets},
    {"netlink", netlink},
    {"files", files},
    {"state", state},
    {"record", record},
    {"processes", processes},
    {"signals", signals},
    {"descriptors", descriptors},
    {"environment", environment},
    {"shared-memory", shared_memory},
    {"setuid", become_root},
    {"privileges", privileges},
    {"namespaces", namespaces},
    {"mounts", mounts},
    {"trace-init", trace_init},
    {"kill-init", kill_init},
    {"keys", keys},
    {"inputs", inputs},
    {"root", readonly_root},
    {"devices", devices},
    {"terminal", terminal},
    {"clock", clocks},
    {"hostname", hostname},
    {"sysctl", settings},
    {"cgroups", cgroups},
    {"modules", modules},
    {"kernel-log", kernel_log},
    {"kernel", surface},
    {"priority", priority},
};

/* In a child, which may hang, or be ended, and then has shown nothing: 0 held, else 1. */
static int try_one(size_t i)
{
    int status = 0;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(10);
        const char *how = attacks[i].try();
        printf("%s %s%s\n", attacks[i].name, how ? "ESCAPED: " : "held", how ? how : "");
        fflush(stdout);
        _exit(how ? 1 : 0);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        printf("%s TRIED IN VAIN: ended by signal %d\n", attacks[i].name, WTERMSIG(status));
    return status != 0;
}

/* As many processes as there may be. */
static int bomb(void)
{
    int n = 0;
    pid_t pid;
    while (n < 100000 && (pid = fork()) >= 0) {
        if (pid == 0)
            for (;;)
                pause();
        n++;
    }
    printf("%d processes\n", n);
    return 0;
}

static int deep(void)
{
    for (int i = 0; i < 5000; i++)
        if (mkdir("d", 0700) < 0 || chdir("d") < 0)
            return 1;
    return chmod(".", 0) < 0;
}

int main(int argc, char **argv)
{
    int escaped = 0;
    if (argc == 2 && strcmp(argv[1], "bomb") == 0)
        return bomb();
    if (argc == 2 && strcmp(argv[1], "deep") == 0)
        return deep();
    for (size_t i = 0; i < COUNT(attacks); i++) {
        bool wanted = argc < 2;
        for (int a = 1; a < argc; a++)
            wanted |= strcmp(argv[a], attacks[i].name) == 0;
        if (argc == 2 && strcmp(argv[1], "list") == 0)
            printf("%s\n", attacks[i].name);
        else if (wanted)
            escaped |= try_one(i);
    }
    return escaped;
}
