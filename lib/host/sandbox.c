#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "host/path.h"
#include "host/sandbox.h"
#include "host/spawn.h"

/* Where root gathers what the job account must reach, in a mount namespace of its own. Nothing else
 * is there that it could hide, as the job store. */
#define STAGE "/run/execdm-stage"

void sandbox_mount(struct sandbox *s, const char *source, const char *target, bool write)
{
    s->mounts = mem_grow(s->mounts, s->nmounts + 1, sizeof(*s->mounts));
    s->mounts[s->nmounts++] =
        (struct sandbox_mount){str_new(source), str_new(target), write, false};
}

void sandbox_device(struct sandbox *s, const char *node)
{
    sandbox_mount(s, node, node, true);
    s->mounts[s->nmounts - 1].device = true;
}

void sandbox_fini(struct sandbox *s)
{
    for (size_t i = 0; i < s->nmounts; i++) {
        free(s->mounts[i].source);
        free(s->mounts[i].target);
    }
    free(s->mounts);
    free(s->rootfs);
    free(s->cwd);
    strs_fini(&s->argv);
    strs_fini(&s->env);
    *s = (struct sandbox){0};
}

int sandbox_identity(const char *account, uid_t *uid, gid_t *gid, struct err *err)
{
    *uid = geteuid();
    *gid = getegid();
    if (*uid != 0)
        return 0;
    account = account ? account : SANDBOX_ACCOUNT;
    const struct passwd *pw = getpwnam(account);
    if (!pw || pw->pw_uid == 0)
        return err_set(err, CODE_UNAVAIL,
                       "root runs jobs as the account %s, which does not exist; make it with: "
                       "useradd --system --no-create-home --shell /usr/sbin/nologin %s",
                       account, account);
    *uid = pw->pw_uid;
    *gid = pw->pw_gid;
    return 0;
}

/* Makes what fd is open on appear below STAGE; *source becomes its new name there. */
static int stage_one(char **source, int fd, size_t number, struct err *err)
{
    struct stat st;
    own(str_fini) char *place = str_print(STAGE "/%zu", number);
    own(str_fini) char *magic = str_print("/proc/self/fd/%d", fd);
    if (fstat(fd, &st) < 0)
        return err_sys(err, "cannot open %s", *source);
    own(fd_fini) int made = S_ISDIR(st.st_mode) ? mkdir(place, 0755) < 0 ? -1 : dup(fd)
                                                : open(place, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (made < 0 || mount(magic, place, NULL, MS_BIND, NULL) < 0)
        return err_sys(err, "cannot mount %s", *source);
    free(*source);
    *source = move(place);
    return 0;
}

static int stage_all(struct sandbox *s, struct err *err)
{
    size_t n = s->nmounts + (s->rootfs != NULL);
    int *fds = mem_new(n * sizeof(*fds));
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) { /* before STAGE hides anything */
        const char *source = i < s->nmounts ? s->mounts[i].source : s->rootfs;
        fds[i] = open(source, O_PATH | O_CLOEXEC);
        if (fds[i] < 0)
            rc = err_sys(err, "cannot open %s", source);
    }
    if (rc == 0 && mkdir(STAGE, 0755) < 0 && errno != EEXIST)
        rc = err_sys(err, "cannot make " STAGE);
    if (rc == 0 && mount("execdm", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
        rc = err_sys(err, "cannot mount a tmpfs on " STAGE);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = stage_one(i < s->nmounts ? &s->mounts[i].source : &s->rootfs, fds[i], i, err);
    free(fds); /* the descriptors go with the exec */
    return rc;
}

int sandbox_stage(struct sandbox *s, struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_sys(err, "cannot make a mount namespace");
    return stage_all(s, err);
}

/* Root's directories are closed to the job account. In a mount namespace of our own everything it
 * needs is bound below STAGE, and then root is given up for good. */
static int become_account(struct sandbox *s, struct err *err)
{
    uid_t uid;
    gid_t gid;
    if (geteuid() != 0)
        return 0;
    if (sandbox_identity(s->account, &uid, &gid, err) < 0 || sandbox_stage(s, err) < 0)
        return -1;
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return err_sys(err, "cannot become uid %ld", (long)uid);
    return 0;
}

/* Is there, below source, a place for every mount that goes below target? */
static bool has_places(const struct sandbox *s, const char *source, const char *target)
{
    size_t n = strlen(target);
    for (size_t i = 0; i < s->nmounts; i++) {
        const char *below = s->mounts[i].target;
        struct stat place, mounted;
        if (strncmp(below, target, n) != 0 || below[n] != '/')
            continue;
        own(str_fini) char *path = str_print("%s%s", source, below + n);
        if (lstat(path, &place) < 0 || stat(s->mounts[i].source, &mounted) < 0 ||
            S_ISDIR(place.st_mode) != S_ISDIR(mounted.st_mode))
            return false;
    }
    return true;
}

static bool is_mounted_over(const struct sandbox *s, const char *target)
{
    static const char *const ours[] = {"/proc", "/dev", "/tmp", "/execdm"};
    for (size_t i = 0; i < COUNT(ours); i++)
        if (str_same(ours[i], target))
            return true;
    for (size_t i = 0; i < s->nmounts; i++)
        if (str_same(s->mounts[i].target, target))
            return true;
    return false;
}

static void add(struct strs *a, const char *word, const char *one, const char *two)
{
    strs_add(a, word);
    strs_add(a, one);
    if (two)
        strs_add(a, two);
}

/* Shows source at target, read-only. Where a mount needs a place that is not there, the directory
 * becomes an empty one with its entries shown one by one: the image itself is never written. */
static void expose(const struct sandbox *s, const char *source, const char *target,
                   struct strs *args, struct strs *made)
{
    struct stat st;
    char link[4096];
    if (is_mounted_over(s, target) || lstat(source, &st) < 0)
        return;
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(source, link, sizeof(link) - 1);
        if (n <= 0)
            return;
        link[n] = '\0';
        add(args, "--symlink", link, target);
        return;
    }
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return;
    if (!S_ISDIR(st.st_mode) || has_places(s, source, target)) {
        add(args, "--ro-bind", source, target);
        return;
    }
    if (*target) {
        add(args, "--tmpfs", target, NULL);
        strs_add(made, target);
    }
    DIR *dir = opendir(source);
    struct dirent *e;
    while (dir && (e = readdir(dir))) {
        if (str_same(e->d_name, ".") || str_same(e->d_name, ".."))
            continue;
        own(str_fini) char *from = str_print("%s/%s", source, e->d_name);
        own(str_fini) char *to = str_print("%s/%s", target, e->d_name);
        expose(s, from, to, args, made);
    }
    if (dir)
        closedir(dir);
}

/* A file with these bytes, by a descriptor that bubblewrap reads. */
static void add_data(struct strs *args, const char *text, const char *target)
{
    int fd = memfd_create("execdm", 0);
    if (fd < 0 || write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return;
    own(str_fini) char *number = str_print("%d", fd);
    add(args, "--ro-bind-data", number, target);
}

/* Without an image: the host's programs and libraries, and nothing that tells of its users. */
static void expose_host(const struct sandbox *s, struct strs *args, struct strs *made)
{
    static const char *const shown[] = {"/usr",   "/bin",   "/sbin",  "/lib",
                                        "/lib32", "/lib64", "/libx32"};
    static const char *const tried[] = {"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf",
                                        "/etc/ld.so.conf.d", "/etc/localtime"};
    for (size_t i = 0; i < COUNT(shown); i++)
        expose(s, shown[i], shown[i], args, made);
    for (size_t i = 0; i < COUNT(tried); i++)
        add(args, "--ro-bind-try", tried[i], tried[i]);
    add_data(args, "nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n", "/etc/passwd");
    add_data(args, "nogroup:x:65534:\n", "/etc/group");
}

static void add_root(const struct sandbox *s, struct strs *args)
{
    own(strs_fini) struct strs made = {0};
    if (s->rootfs) {
        /* the root itself is always bubblewrap's own empty one, so that mounts find a place */
        DIR *dir = opendir(s->rootfs);
        struct dirent *e;
        while (dir && (e = readdir(dir))) {
            if (str_same(e->d_name, ".") || str_same(e->d_name, ".."))
                continue;
            own(str_fini) char *from = str_print("%s/%s", s->rootfs, e->d_name);
            own(str_fini) char *to = str_print("/%s", e->d_name);
            expose(s, from, to, args, &made);
        }
        if (dir)
            closedir(dir);
    } else {
        expose_host(s, args, &made);
    }
    add(args, "--proc", "/proc", NULL);
    add(args, "--dev", "/dev", NULL);
    add(args, "--tmpfs", "/tmp", NULL);
    for (size_t i = 0; i < s->nmounts; i++)
        add(args,
            s->mounts[i].device  ? "--dev-bind"
            : s->mounts[i].write ? "--bind"
                                 : "--ro-bind",
            s->mounts[i].source, s->mounts[i].target);
    for (size_t i = 0; i < made.n; i++)
        add(args, "--remount-ro", made.list[i], NULL);
    add(args, "--remount-ro", "/", NULL);
}

static void add_settings(const struct sandbox *s, struct strs *args)
{
    static const char *const fixed[] = {"--unshare-all",
                                        "--unshare-user",
                                        "--uid",
                                        "65534",
                                        "--gid",
                                        "65534",
                                        "--hostname",
                                        "execdm",
                                        "--clearenv",
                                        "--new-session",
                                        "--die-with-parent",
                                        "--as-pid-1"};
    for (size_t i = 0; i < COUNT(fixed); i++)
        strs_add(args, fixed[i]);
    if (s->info_fd >= 0) {
        own(str_fini) char *number = str_print("%d", s->info_fd);
        add(args, "--info-fd", number, NULL);
    }
    if (s->filter > 0) {
        own(str_fini) char *number = str_print("%d", s->filter);
        add(args, "--seccomp", number, NULL);
    }
    for (size_t i = 0; i < s->env.n; i++) {
        const char *equals = strchr(s->env.list[i], '=');
        if (!equals)
            continue;
        own(str_fini) char *name =
            str_print("%.*s", (int)(equals - s->env.list[i]), s->env.list[i]);
        add(args, "--setenv", name, equals + 1);
    }
}

/* Its options go to bubblewrap by a descriptor: what is on a command line, the task's environment
 * say, everybody on this machine can read. -1 with errno. */
static int options_file(const struct strs *args)
{
    int fd = memfd_create("execdm", 0);
    for (size_t i = 0; i < args->n; i++)
        if (fd < 0 || write(fd, args->list[i], strlen(args->list[i]) + 1) < 0)
            return -1;
    return lseek(fd, 0, SEEK_SET) < 0 ? -1 : fd;
}

static int find_bubblewrap(char **path, struct err *err)
{
    *path = spawn_find_tool("bwrap");
    return *path ? 0
                 : err_set(err, CODE_UNAVAIL,
                           "bubblewrap is not installed; install the package bubblewrap");
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) < 0 || now.rlim_max < most)
        return;
    setrlimit((__rlimit_resource_t)resource, &(struct rlimit){most, most});
}

int sandbox_exec(struct sandbox *s, struct err *err)
{
    own(str_fini) char *bwrap = NULL;
    own(strs_fini) struct strs args = {0}, command = {0};
    if (find_bubblewrap(&bwrap, err) < 0 || become_account(s, err) < 0)
        return -1;
    /* bubblewrap does so only after it has said who its child is; changing the account undoes it */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (s->parent && getppid() != s->parent)
        return err_set(err, CODE_TEMP, "who started the sandbox is gone");
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL); /* not the caller's tickets */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, SANDBOX_PROCESSES);
    add_settings(s, &args);
    add_root(s, &args);
    add(&args, "--chdir", s->cwd ? s->cwd : "/", NULL);
    int fd = options_file(&args);
    if (fd < 0)
        return err_sys(err, "cannot write bubblewrap's options");
    strs_add(&command, "bwrap");
    strs_add(&command, "--args");
    strs_print(&command, "%d", fd);
    strs_add(&command, "--");
    for (size_t i = 0; i < s->argv.n; i++)
        strs_add(&command, s->argv.list[i]);
    execve(bwrap, command.list, spawn_environment());
    return err_sys(err, "cannot run %s", bwrap);
}

void sandbox_become(void *sandbox)
{
    struct err err = {0};
    sandbox_exec(sandbox, &err);
    dprintf(2, "%s\n", err.text);
    _exit(CODE_UNAVAIL);
}

int sandbox_probe(const char *account, struct err *err)
{
    uid_t uid;
    gid_t gid;
    own(str_fini) char *bwrap = NULL;
    if (find_bubblewrap(&bwrap, err) < 0 || sandbox_identity(account, &uid, &gid, err) < 0)
        return -1;
    own(sandbox_fini) struct sandbox s = {.account = account, .info_fd = -1};
    strs_add(&s.argv, "/bin/true");
    char *argv[] = {bwrap, NULL};
    own(spawn_fini) struct spawn run = {
        .argv = argv, .deadline_ms = 10000, .exec = sandbox_become, .exec_context = &s};
    int rc = spawn_run(&run, err);
    if (rc == 0)
        return 0;
    if (rc < 0)
        return -1;
    const char *why = spawn_last_error(&run);
    if (strstr(why, "namespace") || strstr(why, "uid map") || strstr(why, "RTM_NEWADDR"))
        return err_set(err, CODE_UNAVAIL,
                       "unprivileged user namespaces are closed on this machine (%s); an "
                       "administrator opens them with: sysctl kernel.unprivileged_userns_clone=1 "
                       "(Debian) or sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)",
                       why);
    return err_set(err, CODE_UNAVAIL, "bubblewrap does not work here: it ended with %d, %s", rc,
                   why);
}
