/* Which engine a platform has, and what of it works on this machine. */
#include "container_parts.h"
#include <pwd.h>
#include <sys/stat.h>
#include "host/clock.h"
#include "host/path.h"
#include "text/doc.h"
#include "text/write.h"

#ifndef DRIVER_ISOLATION
#define DRIVER_ISOLATION "bubblewrap"
#endif
#define KEPT_S 600   /* how long it is believed what was found */
#define DOUBTED_S 60 /* the same of limits that did not work, but may again */
#define RAN 64       /* what execdm-init ends with when it is told nothing */

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

/* Runs one that does nothing: 0, or -1; *late when it took too long. */
static int try_it(const struct container *c, const char *dir, bool *late, struct err *err)
{
    own(str_fini) char *init = spawn_find_program("execdm-init");
    own(str_fini) char *name = str_print("execdm-probe-%ld", (long)getpid());
    own(str_fini) char *rootfs = str_print("%s/sha256-empty/rootfs", dir);
    own(sandbox_fini) struct sandbox s = {.rootfs = move(rootfs), .info_fd = -1};
    struct container_run run = {.engine = c,
                                .sandbox = &s,
                                .name = name,
                                .memory = 64 << 20,
                                .cores = 1000,
                                .maxcores = 1000};
    struct err ignored;
    if (!init)
        return err_set(err, CODE_UNAVAIL, "execdm-init is not installed beside the driver");
    if (sandbox_identity(c->account, &run.uid, &run.gid, err) < 0 ||
        path_mkdirs(s.rootfs, 0755, err) < 0)
        return -1;
    strs_add(&s.argv, CONTAINER_INIT);
    sandbox_mount(&s, init, CONTAINER_INIT, false);
    char *argv[] = {c->command.list[0], NULL};
    own(spawn_fini) struct spawn child = {.argv = argv,
                                          .deadline_ms = CONTAINER_TRY_S * 1000,
                                          .exec = become_container,
                                          .exec_context = &run};
    const int rc = spawn_run(&child, err);
    if (rc == RAN)
        return 0;
    *late |= child.timed_out;
    if (rc >= 0)
        err_set(err, CODE_UNAVAIL, "%s", spawn_last_error(&child));
    container_remove(c, name, &ignored);
    return -1;
}

/* Tries each runtime that is there with each kind of cgroups, with limits first. */
static int try_all(struct container *c, const char *dir, bool *late, struct err *err)
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
                if (try_it(c, dir, late, err) == 0)
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
    if (stat(path, &st) < 0 || doc_file(path, &kept, &ignored) < 0)
        return false;
    const bool limits = json_is_true(json_object_get(kept, "limits"));
    const int64_t most = limits || !may_limit(c) ? KEPT_S : DOUBTED_S;
    if (st.st_mtim.tv_sec > now || st.st_mtim.tv_sec + most < now)
        return false;
    free(c->runtime);
    free(c->manager);
    c->runtime = str_new(json_text(kept, "runtime"));
    c->manager = str_new(json_text(kept, "manager"));
    c->limits = limits;
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
        bool late = false; /* an engine that was only busy may keep limits the next time */
        if (try_all(&found, dir, &late, err) < 0)
            return -1;
        own(json_fini) json_t *kept = json_pack("{s:s*,s:s*,s:b}", "runtime", found.runtime,
                                                "manager", found.manager, "limits", found.limits);
        own(str_fini) char *text = write_string(kept);
        if (!late || found.limits)
            path_write(path, text, strlen(text), 0600, &ignored); /* else it is found again */
    }
    *c = found;
    found = (struct container){0};
    return 0;
}
