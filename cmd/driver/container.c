#include "container_parts.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "host/path.h"

#define LOAD_S 900 /* as long as unpacking may take */
#define OPEN_FILES 20000

extern char **environ;

/* --- its command line --- */

/* One word of several parts, as a line of CSV: `type=bind,"source=/a,b",target=/x`. */
static void add_part(struct buf *b, const char *key, const char *value)
{
    const char *quote = strpbrk(value, ",\"\n") ? "\"" : "";
    buf_print(b, "%s%s%s=", b->len ? "," : "", quote, key);
    for (; *value; value++) {
        if (*value == '"')
            buf_char(b, '"');
        buf_char(b, *value);
    }
    buf_str(b, quote);
}

static void add_mount(struct strs *w, const struct sandbox_mount *m)
{
    own(buf_fini) struct buf b = {0};
    if (m->device) { /* its name is the same, inside, and opens its way through cgroups */
        strs_print(w, "--device=%s:%s:rw", m->target, m->target);
        return;
    }
    add_part(&b, "type", "bind");
    add_part(&b, "source", m->source);
    add_part(&b, "target", m->target);
    if (!m->write)
        buf_str(&b, ",readonly");
    strs_add(w, "--mount");
    strs_add(w, b.bytes);
}

/* Who has no right to raise them must name them: an engine's own wishes may be too high. */
static void add_ulimit(struct strs *w, const char *name, int resource, rlim_t most)
{
    struct rlimit now = {most, most};
    getrlimit((__rlimit_resource_t)resource, &now);
    const unsigned long hard = now.rlim_max < most ? now.rlim_max : most;
    const unsigned long soft = now.rlim_cur < hard ? now.rlim_cur : hard;
    strs_print(w, "--ulimit=%s=%lu:%lu", name, soft, hard);
}

/* A core is 1024, as it is for who says nothing; engines take no others. */
static int shares_of(int64_t cores)
{
    const int64_t shares = cores * 1024 / 1000;
    return shares < 2 ? 2 : shares > 262144 ? 262144 : (int)shares;
}

/* Docker refuses more than there are. */
static void add_quota(struct strs *w, int64_t cores)
{
    const int64_t all = (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000;
    const int64_t most = cores < all ? cores : all;
    if (most > 0)
        strs_print(w, "--cpus=%d.%03d", (int)(most / 1000), (int)(most % 1000));
}

static void add_limits(struct strs *w, const struct container_run *run)
{
    add_ulimit(w, "nofile", RLIMIT_NOFILE, OPEN_FILES);
    add_ulimit(w, "nproc", RLIMIT_NPROC, SANDBOX_PROCESSES);
    add_ulimit(w, "core", RLIMIT_CORE, 0);
    if (run->file > 0)
        add_ulimit(w, "fsize", RLIMIT_FSIZE, (rlim_t)run->file);
    if (!run->engine->limits)
        return;
    strs_print(w, "--pids-limit=%d", SANDBOX_PROCESSES);
    add_quota(w, run->maxcores);
    if (run->cores > 0)
        strs_print(w, "--cpu-shares=%d", shares_of(run->cores));
    if (run->memory > 0)
        strs_print(w, "--memory=%lld", (long long)run->memory);
    if (run->memory > 0 && (!path_exists("/sys/fs/cgroup/memory") ||
                            path_exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")))
        strs_print(w, "--memory-swap=%lld", (long long)run->memory); /* none */
}

/* Inside 65534, outside the job's account, as bubblewrap has it; runc needs a 0, too, and gets an
 * account that has nothing: rootless the first subordinate one. docker maps for the whole daemon or
 * not at all. */
static void add_identity(struct strs *w, const struct container_run *run)
{
    static const char *const kinds[] = {"uid", "gid"};
    const long ids[] = {(long)run->uid, (long)run->gid};
    const bool root = geteuid() == 0;
    if (run->engine->docker) {
        strs_print(w, "--user=%ld:%ld", ids[0], ids[1]);
        return;
    }
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const long nobody = ids[i] == SANDBOX_USER ? SANDBOX_USER - 1 : SANDBOX_USER;
        strs_print(w, "--%smap=0:%ld:1", kinds[i], root ? nobody : 1);
        strs_print(w, "--%smap=%d:%ld:1", kinds[i], SANDBOX_USER, root ? ids[i] : 0);
    }
    strs_print(w, "--user=%d:%d", SANDBOX_USER, SANDBOX_USER);
}

static void add_engine(struct strs *w, const struct container *c)
{
    for (size_t i = 0; i < c->command.n; i++)
        strs_add(w, c->command.list[i]);
    if (c->docker)
        return;
    strs_add(w, "--log-level=error");
    if (c->runtime)
        strs_print(w, "--runtime=%s", c->runtime);
    if (c->manager)
        strs_print(w, "--cgroup-manager=%s", c->manager);
}

/* Docker knows images only by its own store: the tag that these files have there. The caller frees;
 * NULL: what they are is not known. */
static char *tag_of(const char *rootfs)
{
    const char *name = strstr(rootfs, "/sha256-");
    const size_t n = name ? strcspn(name + 1, "/") : 0;
    return n ? str_print("execdm:%.*s", (int)n, name + 1) : NULL;
}

static void add_words(struct strs *w, const struct container_run *run, const char *tag)
{
    const struct sandbox *s = run->sandbox;
    static const char *const all[] = {"run",
                                      "--rm",
                                      "--network=none",
                                      "--cap-drop=all",
                                      "--security-opt=no-new-privileges",
                                      "--security-opt=label=disable",
                                      "--read-only",
                                      "--cgroupns=private",
                                      "--ipc=private",
                                      "--hostname=execdm",
                                      "--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777",
                                      "--tmpfs=/sys:ro"};
    static const char *const podman[] = {"--read-only-tmpfs=false", "--no-hosts",
                                         "--passwd=false",          "--systemd=false",
                                         "--http-proxy=false",      "--log-driver=passthrough"};
    static const char *const docker[] = {"--pull=never", "--log-driver=none"};
    add_engine(w, run->engine);
    for (size_t i = 0; i < COUNT(all); i++)
        strs_add(w, all[i]);
    for (size_t i = 0; !run->engine->docker && i < COUNT(podman); i++)
        strs_add(w, podman[i]);
    for (size_t i = 0; run->engine->docker && i < COUNT(docker); i++)
        strs_add(w, docker[i]);
    strs_print(w, "--name=%s", run->name);
    strs_print(w, "--label=" CONTAINER_LABEL "=%s", run->dir ? run->dir : "");
    strs_print(w, "--workdir=%s", s->cwd ? s->cwd : "/");
    strs_print(w, "--entrypoint=%s", s->argv.list[0]);
    if (!run->engine->docker) {
        strs_print(w, "--annotation=" ANNOTATION_STAMP "=%s", run->name);
        strs_print(w, "--annotation=" ANNOTATION_DIR "=%s", run->dir ? run->dir : "");
    }
    if (run->pidfile && !run->engine->docker)
        strs_print(w, "--pidfile=%s", run->pidfile);
    if (run->engine->docker && run->engine->runtime)
        strs_print(w, "--runtime=%s", run->engine->runtime);
    add_limits(w, run);
    add_identity(w, run);
    for (size_t i = 0; i < s->nmounts; i++)
        add_mount(w, &s->mounts[i]);
    if (tag)
        strs_add(w, tag);
    else
        strs_add(w, "--rootfs");
    if (!tag)
        strs_print(w, "%s:O", s->rootfs); /* places for mounts are made beside the image */
    for (size_t i = 1; i < s->argv.n; i++)
        strs_add(w, s->argv.list[i]);
}

/* --- calling it --- */

int container_call(struct spawn *s, const struct container *c, const char *const more[],
                   struct err *err)
{
    own(strs_fini) struct strs w = {0};
    add_engine(&w, c);
    for (size_t i = 0; more[i]; i++)
        strs_add(&w, more[i]);
    s->argv = w.list;
    s->kin = true; /* the home, and the runtime directory, of settle_environment */
    if (!s->deadline_ms)
        s->deadline_ms = CONTAINER_TRY_S * 1000;
    const int rc = spawn_run(s, err);
    s->argv = NULL;
    return rc;
}

struct packing {
    const char *tool, *rootfs;
    const struct container *engine;
};

static bool ends_well(pid_t pid)
{
    int status = 1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && status == 0;
}

/* tar | docker import: prints the id of the image, which has no name yet. */
static void become_import(void *context)
{
    const struct packing *p = context;
    own(strs_fini) struct strs w = {0};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        _exit(CODE_OS);
    const pid_t tar = fork();
    if (tar == 0) {
        dup2(ends[1], 1);
        execl(p->tool, "tar", "-C", p->rootfs, "--numeric-owner", "-cf", "-", ".", (char *)NULL);
        _exit(CODE_OS);
    }
    add_engine(&w, p->engine);
    strs_add(&w, "import");
    strs_add(&w, "-");
    const pid_t import = fork();
    if (import == 0) {
        dup2(ends[0], 0);
        execve(w.list[0], w.list, environ);
        _exit(CODE_OS);
    }
    close(ends[0]);
    close(ends[1]);
    const bool taken = ends_well(import), whole = ends_well(tar);
    _exit(taken && whole ? 0 : CODE_IO);
}

/* The files of the digest, as the image that docker wants; once on each machine. It gets its name
 * when all of it is there. */
static int load_image(const struct container *c, const char *rootfs, const char *tag,
                      struct err *err)
{
    const char *const look[] = {"image", "inspect", "--format=found", tag, NULL};
    own(spawn_fini) struct spawn known = {0}, named = {0}, removed = {0};
    own(str_fini) char *tool = spawn_find_tool("tar");
    struct err ignored;
    const int found = container_call(&known, c, look, err);
    if (found <= 0)
        return found;
    if (!tool)
        return err_set(err, CODE_UNAVAIL, "tar is not installed");
    struct packing p = {tool, rootfs, c};
    char *argv[] = {c->command.list[0], NULL};
    own(spawn_fini) struct spawn s = {
        .argv = argv, .deadline_ms = LOAD_S * 1000, .exec = become_import, .exec_context = &p};
    int rc = spawn_run(&s, err);
    const size_t n = s.out.len ? strcspn(s.out.bytes, "\n") : 0;
    own(str_fini) char *id = n ? str_print("%.*s", (int)n, s.out.bytes) : NULL;
    const char *const name[] = {"tag", id, tag, NULL};
    const char *const drop[] = {"image", "rm", id, NULL};
    const char *why = spawn_last_error(&s);
    if (rc == 0) {
        rc = id ? container_call(&named, c, name, err) : CODE_IO;
        why = spawn_last_error(&named);
    }
    if (rc != 0 && id)
        container_call(&removed, c, drop, &ignored);
    return rc <= 0 ? rc : err_set(err, CODE_UNAVAIL, "docker did not take the image: %s", why);
}

int container_exec(const struct container_run *run, struct err *err)
{
    const struct container *c = run->engine;
    struct sandbox *s = run->sandbox;
    own(strs_fini) struct strs w = {0};
    if (!s->rootfs)
        return err_set(err, CODE_UNAVAIL, "%s runs images, and there is none", c->command.list[0]);
    own(str_fini) char *tag = c->docker ? tag_of(s->rootfs) : NULL;
    if (c->docker && !tag)
        return err_set(err, CODE_UNAVAIL, "docker: expected %s to be named by its digest",
                       s->rootfs);
    if (c->docker ? load_image(c, s->rootfs, tag, err) < 0
                  : geteuid() == 0 && sandbox_stage(s, err) < 0)
        return -1;
    add_words(&w, run, tag);
    execve(w.list[0], w.list, environ);
    return err_sys(err, "cannot run %s", w.list[0]);
}

static pid_t number_in(const char *text)
{
    return text ? (pid_t)strtol(text, NULL, 10) : 0;
}

pid_t container_pid(const struct container_run *run)
{
    struct err ignored;
    char text[32] = "";
    const char *const words[] = {"inspect", "--format={{.State.Pid}}", run->name, NULL};
    own(spawn_fini) struct spawn s = {0};
    if (run->engine->docker)
        return container_call(&s, run->engine, words, &ignored) == 0 ? number_in(s.out.bytes) : 0;
    own(fd_fini) int fd = open(run->pidfile, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? number_in(text) : 0;
}

/* Not by the engine's client, which hands on what it gets only when it has come so far. */
bool container_signal(const struct container_run *run, int pidfd, int sig)
{
    struct err ignored;
    own(str_fini) char *option = str_print("--signal=%d", sig);
    const char *const words[] = {"kill", option, run->name, NULL};
    own(spawn_fini) struct spawn s = {0};
    return (pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0) ||
           container_call(&s, run->engine, words, &ignored) == 0;
}

/* A file of the kernel's, up to 4 KiB of it. The caller frees. */
static char *read_short(const char *path)
{
    char text[4096];
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    return n < 0 ? NULL : str_print("%.*s", (int)n, text);
}

bool container_ran_out(pid_t pid)
{
    static const char *const places[][3] = {
        {":memory:", "/sys/fs/cgroup/memory", "memory.oom_control"},
        {"0::", "/sys/fs/cgroup", "memory.events"},
    };
    own(str_fini) char *list = str_print("/proc/%ld/cgroup", (long)pid);
    own(str_fini) char *groups = pid > 0 ? read_short(list) : NULL;
    for (size_t i = 0; groups && i < COUNT(places); i++) {
        const char *at = strstr(groups, places[i][0]);
        if (!at)
            continue;
        at += strlen(places[i][0]);
        own(str_fini) char *path =
            str_print("%s%.*s/%s", places[i][1], (int)strcspn(at, "\n"), at, places[i][2]);
        own(str_fini) char *text = read_short(path);
        const char *count = text ? strstr(text, "oom_kill ") : NULL;
        if (count && strtol(count + strlen("oom_kill "), NULL, 10) > 0)
            return true;
    }
    return false;
}
