#include "container.h"
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include "host/clock.h"
#include "host/path.h"
#include "host/spawn.h"
#include "text/doc.h"
#include "text/write.h"

#ifndef DRIVER_ISOLATION
#define DRIVER_ISOLATION "bubblewrap"
#endif
#define KEPT_S 600     /* how long it is believed what was found */
#define TRY_S 30       /* for a container that does nothing; a daemon's first one is slow */
#define LOAD_S 900     /* as long as unpacking may take */
#define REMOVE_TRIES 3 /* another process of the engine's may be at it */
#define RAN 64         /* what execdm-init ends with when it is told nothing */
#define INIT_PLACE CONTAINER_PLACE "/init"
#define OPEN_FILES 20000
#define ANNOTATION "execdm.stamp"

extern char **environ;

bool container_is_wanted(const json_t *config)
{
    const char *isolation = json_text(config, "isolation");
    return str_same(isolation ? isolation : DRIVER_ISOLATION, "podman");
}

void container_fini(struct container *c)
{
    strs_fini(&c->command);
    free(c->runtime);
    free(c->manager);
    *c = (struct container){0};
}

/* --- the machine --- */

static bool is_private(const char *path)
{
    struct stat st;
    return path && *path == '/' && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == geteuid() && !(st.st_mode & 022);
}

/* A directory that is ours alone until the machine is started again. The caller frees. NULL. */
static char *private_dir(struct err *err)
{
    const char *run = getenv("XDG_RUNTIME_DIR"), *tmp = getenv("TMPDIR");
    char *dir = geteuid() == 0 ? str_new("/run/execdm")
                : run          ? str_print("%s/execdm", run)
                               : str_print("%s/execdm-%ld", tmp ? tmp : "/tmp", (long)geteuid());
    if ((mkdir(dir, 0700) == 0 || errno == EEXIST) && is_private(dir))
        return dir;
    err_set(err, CODE_UNAVAIL, "%s must be a directory of this user's alone", dir);
    free(dir);
    return NULL;
}

/* What a rootless engine needs, and cron, a service or a batch system may not give: a home that can
 * be written, and no runtime directory but one of ours. */
static int settle_environment(struct err *err)
{
    const struct passwd *pw = getpwuid(geteuid());
    const char *home = getenv("HOME");
    if (!is_private(getenv("XDG_RUNTIME_DIR")))
        unsetenv("XDG_RUNTIME_DIR"); /* the engine makes one */
    if (home && access(home, W_OK) == 0)
        return 0;
    if (pw && access(pw->pw_dir, W_OK) == 0)
        return setenv("HOME", pw->pw_dir, 1);
    own(str_fini) char *dir = private_dir(err);
    return dir ? setenv("HOME", dir, 1) : -1;
}

/* Rootless containers have limits only by cgroups of version 2. */
static bool may_limit(const struct container *c)
{
    return c->docker || geteuid() == 0 || path_exists("/sys/fs/cgroup/cgroup.controllers");
}

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
    if (run->cores > 0)
        strs_print(w, "--cpus=%d.%03d", (int)(run->cores / 1000), (int)(run->cores % 1000));
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
                                      "--label=execdm",
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
    strs_print(w, "--workdir=%s", s->cwd ? s->cwd : "/");
    strs_print(w, "--entrypoint=%s", s->argv.list[0]);
    if (!run->engine->docker)
        strs_print(w, "--annotation=" ANNOTATION "=%s", run->name);
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

static int engine_run(struct spawn *s, const struct container *c, const char *const more[],
                      struct err *err)
{
    own(strs_fini) struct strs w = {0};
    add_engine(&w, c);
    for (size_t i = 0; more[i]; i++)
        strs_add(&w, more[i]);
    s->argv = w.list;
    s->kin = true; /* the home, and the runtime directory, of settle_environment */
    if (!s->deadline_ms)
        s->deadline_ms = TRY_S * 1000;
    const int rc = spawn_run(s, err);
    s->argv = NULL;
    return rc;
}

struct packing {
    const char *tool, *rootfs;
    const struct container *engine;
    const char *tag;
};

/* tar | docker import: two processes, of which this one becomes the second. */
static void become_import(void *context)
{
    const struct packing *p = context;
    own(strs_fini) struct strs w = {0};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        _exit(CODE_OS);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        execl(p->tool, "tar", "-C", p->rootfs, "--numeric-owner", "-cf", "-", ".", (char *)NULL);
        _exit(CODE_OS);
    }
    dup2(ends[0], 0);
    close(ends[0]);
    close(ends[1]);
    add_engine(&w, p->engine);
    strs_add(&w, "import");
    strs_add(&w, "-");
    strs_add(&w, p->tag);
    if (pid > 0)
        execve(w.list[0], w.list, environ);
    _exit(CODE_OS);
}

/* The files of the digest, as the image that docker wants; once on each machine. */
static int load_image(const struct container *c, const char *rootfs, const char *tag,
                      struct err *err)
{
    const char *const look[] = {"image", "inspect", "--format=found", tag, NULL};
    own(spawn_fini) struct spawn known = {0};
    own(str_fini) char *tool = spawn_find_tool("tar");
    const int found = engine_run(&known, c, look, err);
    if (found <= 0)
        return found;
    if (!tool)
        return err_set(err, CODE_UNAVAIL, "tar is not installed");
    struct packing p = {tool, rootfs, c, tag};
    char *argv[] = {c->command.list[0], NULL};
    own(spawn_fini) struct spawn s = {
        .argv = argv, .deadline_ms = LOAD_S * 1000, .exec = become_import, .exec_context = &p};
    const int rc = spawn_run(&s, err);
    return rc <= 0 ? rc
                   : err_set(err, CODE_UNAVAIL, "docker did not take the image: %s",
                             spawn_last_error(&s));
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
        return engine_run(&s, run->engine, words, &ignored) == 0 ? number_in(s.out.bytes) : 0;
    own(fd_fini) int fd = open(run->pidfile, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? number_in(text) : 0;
}

/* Not by the engine's client, which hands on what it gets only when it has come so far. */
bool container_signal(const struct container_run *run, pid_t pid, int sig)
{
    struct err ignored;
    own(str_fini) char *option = str_print("--signal=%d", sig);
    const char *const words[] = {"kill", option, run->name, NULL};
    own(spawn_fini) struct spawn s = {0};
    return (pid > 0 && kill(pid, sig) == 0) || engine_run(&s, run->engine, words, &ignored) == 0;
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

/* Is it podman or conmon with a container of this name? */
static bool is_maker(const char *pid, const char *name)
{
    char text[16384];
    own(str_fini) char *path = str_print("/proc/%s/cmdline", pid);
    own(str_fini) char *option = str_print("--name=%s", name);
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    const char *before = "";
    if (n <= 0)
        return false;
    text[n] = '\0';
    for (const char *word = text; word < text + n; before = word, word += strlen(word) + 1)
        if (str_same(word, option) || (str_same(word, name) && str_same(before, "-n")))
            return true;
    return false;
}

/* Whoever might still bring it about is killed first; there may be none of them at the end. */
static void kill_makers(const char *name)
{
    for (bool some = true; some;) {
        DIR *dir = opendir("/proc");
        some = false;
        for (const struct dirent *e; dir && (e = readdir(dir));) {
            const pid_t pid = number_in(e->d_name);
            if (pid > 0 && is_maker(e->d_name, name) && kill(pid, SIGKILL) == 0)
                some = true;
        }
        if (dir)
            closedir(dir);
        if (some)
            usleep(10000);
    }
}

/* Rootless the runtime has its rights in podman's user namespace. */
static int runtime_run(struct spawn *s, const struct container *c, const char *const words[4],
                       struct err *err)
{
    const char *const rootless[] = {"unshare", c->runtime, words[0], words[1], words[2], NULL};
    char *const root[] = {c->runtime, (char *)words[0], (char *)words[1], (char *)words[2], NULL};
    if (geteuid() != 0)
        return engine_run(s, c, rootless, err);
    s->argv = root;
    s->kin = true;
    s->deadline_ms = TRY_S * 1000;
    const int rc = spawn_run(s, err);
    s->argv = NULL;
    return rc;
}

/* Podman does not know of a container that it, or conmon, was killed over while it was started; its
 * runtime does, and has our note on it. */
static void delete_begun(const struct container *c, const char *name)
{
    struct err ignored;
    size_t i;
    const json_t *one;
    const char *const look[] = {"list", "--format", "json", NULL};
    own(spawn_fini) struct spawn known = {0};
    if (runtime_run(&known, c, look, &ignored) != 0 || !known.out.len)
        return;
    own(json_fini) json_t *list = json_loads(known.out.bytes, 0, NULL);
    json_array_foreach (list, i, one) {
        const char *const remove[] = {"delete", "--force", json_text(one, "id"), NULL};
        own(spawn_fini) struct spawn s = {0};
        if (str_same(json_text(json_object_get(one, "annotations"), ANNOTATION), name) && remove[2])
            runtime_run(&s, c, remove, &ignored);
    }
}

static int remove_known(const struct container *c, const char *name, struct err *err)
{
    const char *const podman[] = {"rm", "--force", "--time=0", "--ignore", name, NULL};
    const char *const docker[] = {"rm", "--force", name, NULL};
    for (int i = 0; i < REMOVE_TRIES; i++) {
        own(spawn_fini) struct spawn s = {0};
        const int rc = engine_run(&s, c, c->docker ? docker : podman, err);
        const char *why = spawn_last_error(&s);
        if (rc == 0 || (rc > 0 && strstr(why, "No such container")))
            return 0;
        if (rc > 0)
            err_set(err, CODE_UNAVAIL, "the container %s cannot be removed: %s", name, why);
        usleep(300000);
    }
    return -1;
}

int container_remove(const struct container *c, const char *name, struct err *err)
{
    if (!c->docker)
        kill_makers(name);
    if (remove_known(c, name, err) < 0)
        return -1;
    if (!c->docker)
        delete_begun(c, name);
    return 0;
}

/* --- what works here --- */

static int read_config(struct container *c, const json_t *config, struct err *err)
{
    static const char *const keys[] = {"isolation", "command", "runtime",
                                       "job-user",  "disk",    "devices"};
    const json_t *command = json_object_get(config, "command");
    size_t i;
    json_t *v;
    if (str_same(DRIVER_ISOLATION, "podman")) {
        const char *key;
        json_object_foreach ((json_t *)config, key, v) {
            for (i = 0; i < COUNT(keys) && !str_same(keys[i], key); i++)
                ;
            if (i == COUNT(keys))
                return err_set(err, CODE_CONFIG, "driver-options: podman knows no \"%s\"", key);
        }
    }
    if (json_is_string(command))
        strs_add(&c->command, json_string_value(command));
    json_array_foreach (command, i, v)
        strs_add(&c->command, json_is_string(v) ? json_string_value(v) : "");
    if (!c->command.n && command)
        return err_set(err, CODE_CONFIG,
                       "driver-options: expected command to be a program, or a list of words");
    if (!c->command.n)
        strs_add(&c->command, "podman");
    char *name = c->command.list[0], *slash = strrchr(name, '/');
    char *path = *name == '/' ? str_new(name) : spawn_find_tool(name);
    const char *runtime = json_text(config, "runtime");
    c->docker = str_same(slash ? slash + 1 : name, "docker");
    c->runtime =
        runtime && *runtime != '/' && !c->docker ? spawn_find_tool(runtime) : str_new(runtime);
    c->account = json_text(config, "job-user");
    if (runtime && !c->runtime) {
        free(path);
        return err_set(err, CODE_UNAVAIL, "the OCI runtime %s is not installed", runtime);
    }
    if (!path)
        return err_set(err, CODE_UNAVAIL, "%s is not installed; install the package %s", name,
                       c->docker ? "docker.io" : "podman");
    free(c->command.list[0]);
    c->command.list[0] = path;
    return 0;
}

static void become_container(void *context)
{
    struct err err = {0};
    container_exec(context, &err);
    dprintf(2, "%s\n", err.text);
    _exit(CODE_UNAVAIL);
}

/* Runs one that does nothing: 0, or -1. */
static int try_it(const struct container *c, const char *dir, struct err *err)
{
    own(str_fini) char *init = spawn_find_program("execdm-init");
    own(str_fini) char *name = str_print("execdm-probe-%ld", (long)getpid());
    own(str_fini) char *rootfs = str_print("%s/sha256-empty/rootfs", dir);
    own(sandbox_fini) struct sandbox s = {.rootfs = move(rootfs), .info_fd = -1};
    struct container_run run = {
        .engine = c, .sandbox = &s, .name = name, .memory = 64 << 20, .cores = 1000};
    struct err ignored;
    if (!init)
        return err_set(err, CODE_UNAVAIL, "execdm-init is not installed beside the driver");
    if (sandbox_identity(c->account, &run.uid, &run.gid, err) < 0 ||
        path_mkdirs(s.rootfs, 0755, err) < 0)
        return -1;
    strs_add(&s.argv, INIT_PLACE);
    sandbox_mount(&s, init, INIT_PLACE, false);
    char *argv[] = {c->command.list[0], NULL};
    own(spawn_fini) struct spawn child = {
        .argv = argv, .deadline_ms = TRY_S * 1000, .exec = become_container, .exec_context = &run};
    const int rc = spawn_run(&child, err);
    if (rc == RAN)
        return 0;
    if (rc >= 0)
        err_set(err, CODE_UNAVAIL, "%s", spawn_last_error(&child));
    container_remove(c, name, &ignored);
    return -1;
}

/* Tries each runtime that is there with each kind of cgroups, with limits first. */
static int try_all(struct container *c, const char *dir, struct err *err)
{
    static const char *const runtimes[] = {"crun", "runc"};
    static const char *const managers[] = {NULL, "cgroupfs"};
    own(str_fini) char *named = move(c->runtime);
    own(buf_fini) struct buf why = {0};
    for (int limits = may_limit(c); limits >= 0; limits--) {
        for (size_t i = 0; i < (c->docker || named ? 1 : COUNT(runtimes)); i++) {
            own(str_fini) char *runtime = named       ? str_new(named)
                                          : c->docker ? NULL
                                                      : spawn_find_tool(runtimes[i]);
            if (!runtime && !c->docker)
                continue;
            for (size_t k = 0; k < (c->docker ? 1 : COUNT(managers)); k++) {
                str_fini(&c->runtime);
                str_fini(&c->manager);
                c->runtime = str_new(runtime);
                c->manager = str_new(managers[k]);
                c->limits = limits > 0;
                if (try_it(c, dir, err) == 0)
                    return 0;
            }
            buf_print(&why, "%s%s: %s", why.len ? "; " : "", runtime ? runtime : "its own",
                      err->text);
        }
    }
    const struct passwd *pw = getpwuid(geteuid());
    if (!why.len)
        return err_set(err, CODE_UNAVAIL, "%s has no OCI runtime; install the package runc or crun",
                       c->command.list[0]);
    if (strstr(why.bytes, "subuid") || strstr(why.bytes, "insufficient UIDs"))
        return err_set(err, CODE_UNAVAIL,
                       "%s has no subordinate ids; an administrator gives it some with: usermod "
                       "--add-subuids 200000-265535 --add-subgids 200000-265535 %s",
                       pw ? pw->pw_name : "this user", pw ? pw->pw_name : "USER");
    return err_set(err, CODE_UNAVAIL, "%s runs no container here (%s)", c->command.list[0],
                   why.bytes);
}

/* Where it is kept what was found of this engine. The caller frees. */
static char *kept_file(const struct container *c, const char *dir)
{
    uint64_t sum = 14695981039346656037u; /* FNV-1a of the words */
    for (size_t i = 0; i < c->command.n + 2; i++) {
        const char *word = i < c->command.n    ? c->command.list[i]
                           : i == c->command.n ? c->runtime
                                               : c->account;
        for (const char *p = word ? word : ""; *p; p++)
            sum = (sum ^ (unsigned char)*p) * 1099511628211u;
        sum = (sum ^ 0xff) * 1099511628211u;
    }
    return str_print("%s/engine-%016llx.json", dir, (unsigned long long)sum);
}

static bool recall(struct container *c, const char *path)
{
    struct stat st;
    struct err ignored;
    own(json_fini) json_t *kept = NULL;
    const int64_t now = clock_ms() / 1000;
    if (stat(path, &st) < 0 || st.st_mtim.tv_sec > now || st.st_mtim.tv_sec + KEPT_S < now ||
        doc_file(path, &kept, &ignored) < 0)
        return false;
    free(c->runtime);
    free(c->manager);
    c->runtime = str_new(json_text(kept, "runtime"));
    c->manager = str_new(json_text(kept, "manager"));
    c->limits = json_is_true(json_object_get(kept, "limits"));
    return true;
}

int container_find(struct container *c, const json_t *config, struct err *err)
{
    own(container_fini) struct container found = {0};
    struct err ignored;
    if (settle_environment(err) < 0 || read_config(&found, config, err) < 0)
        return -1;
    own(str_fini) char *dir = private_dir(err);
    own(str_fini) char *path = dir ? kept_file(&found, dir) : NULL;
    if (!path)
        return -1;
    if (!recall(&found, path)) {
        if (try_all(&found, dir, err) < 0)
            return -1;
        own(json_fini) json_t *kept = json_pack("{s:s*,s:s*,s:b}", "runtime", found.runtime,
                                                "manager", found.manager, "limits", found.limits);
        own(str_fini) char *text = write_string(kept);
        path_write(path, text, strlen(text), 0600, &ignored); /* else it is found again */
    }
    *c = found;
    found = (struct container){0};
    return 0;
}
