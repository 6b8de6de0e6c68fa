#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include "container.h"
#include "filter.h"
#include "host/clock.h"
#include "host/image.h"
#include "host/lock.h"
#include "host/path.h"
#include "host/sandbox.h"
#include "host/spawn.h"
#include "model/job.h"
#include "attempt.h"
#include "device.h"
#include "runtime.h"
#include "supervisor.h"
#include "text/size.h"
#include "text/write.h"

#define INIT_PLACE "/execdm/init"
#define INIT_FD 3
#define PROCESSES_MAX 4096 /* of one job */

struct attempt {
    const json_t *line, *config;
    char *dir;
    const char *account; /* for root; NULL the usual one */
    struct cgroup_place place;
    int64_t disk; /* bytes it may write, 0: no limit */
    struct sandbox sandbox;
    struct devices devices;
    bool boxed;               /* by a container engine, else bubblewrap */
    struct container engine;  /* if so */
    struct container_run run; /* its name and the like are the attempt's */
    char *note, *pidfile;
    uid_t uid; /* who the program is, outside */
    gid_t gid;
    int alive;
    int image; /* nobody collects it while this is open, which is as long as we live */
};

static char *file_of(const struct attempt *a, const char *name)
{
    return str_print("%s/%s", a->dir, name);
}

static int describe(struct attempt *a, struct err *err)
{
    const json_t *exec = json_object_get(a->line, "exec");
    own(str_fini) char *init = spawn_find_program("execdm-init");
    size_t i;
    const char *key;
    json_t *v;
    if (!init)
        return err_set(err, CODE_UNAVAIL, "execdm-init is not installed beside the driver");
    a->sandbox = (struct sandbox){.account = a->account, .parent = getpid(), .info_fd = -1};
    a->sandbox.rootfs = str_new(json_text(exec, "rootfs"));
    a->image = a->sandbox.rootfs ? image_hold(a->sandbox.rootfs) : -1;
    a->sandbox.cwd = str_new(json_text(exec, "cwd"));
    strs_add(&a->sandbox.argv, INIT_PLACE);
    if (a->boxed)
        strs_add(&a->sandbox.argv, CONTAINER_TOLD);
    else
        strs_print(&a->sandbox.argv, "%d", INIT_FD);
    runtime_install(&a->sandbox, exec, a->config);
    json_array_foreach (json_object_get(exec, "args"), i, v)
        strs_add(&a->sandbox.argv, json_string_value(v));
    json_object_foreach (json_object_get(exec, "environment"), key, v)
        strs_print(&a->sandbox.env, "%s=%s", key, json_string_value(v));
    for (i = 0; i < a->devices.env.n; i++)
        strs_add(&a->sandbox.env, a->devices.env.list[i]);
    for (i = 0; i < a->devices.nodes.n; i++)
        sandbox_device(&a->sandbox, a->devices.nodes.list[i]);
    sandbox_mount(&a->sandbox, init, INIT_PLACE, false);
    json_array_foreach (json_object_get(a->line, "mounts"), i, v)
        sandbox_mount(&a->sandbox, json_text(v, "source"), json_text(v, "path"),
                      str_same(json_text(v, "mode"), "rw"));
    return 0;
}

/* What bubblewrap takes by a descriptor goes into a container as a file. */
static int write_filter(const char *path, struct err *err)
{
    static char bytes[64 << 10]; /* a filter has 4096 steps at most */
    own(fd_fini) int fd = filter_open(err);
    const ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
    if (fd >= 0 && n <= 0)
        return err_sys(err, "cannot read the filter of system calls");
    return fd < 0 ? -1 : path_write(path, bytes, (size_t)n, 0444, err);
}

/* Without a limit, too, no file is larger than what is free, but one of holes; and somebody would
 * have to read those. */
static int64_t largest_file(const struct attempt *a)
{
    struct statvfs fs;
    return a->disk ? a->disk : statvfs(a->dir, &fs) == 0 ? (int64_t)(fs.f_bavail * fs.f_frsize) : 0;
}

/* What a container engine is told: the FIFO of execdm-init, which is closed to the program before
 * it starts, and the environment, which is on no command line. -1, or the FIFO's other end. */
static int describe_container(struct attempt *a, struct err *err)
{
    const json_t *limits = json_object_get(a->line, "limits");
    const int64_t cores = json_int(limits, "cores", 0);
    own(str_fini) char *told = file_of(a, "told");
    own(str_fini) char *environment = file_of(a, "environment");
    own(str_fini) char *filter = file_of(a, "filter");
    own(buf_fini) struct buf b = {0};
    a->note = file_of(a, CONTAINER_NOTE);
    a->pidfile = file_of(a, "pid");
    a->run = (struct container_run){.engine = &a->engine,
                                    .sandbox = &a->sandbox,
                                    .name = json_text(a->line, "stamp"),
                                    .dir = a->dir,
                                    .pidfile = a->pidfile,
                                    .uid = a->uid,
                                    .gid = a->gid,
                                    .memory = json_int(limits, "memory", 0),
                                    .file = largest_file(a),
                                    .cores = cores,
                                    .maxcores = json_int(limits, "maxcores", cores)};
    if (path_write(a->note, "", 0, 0600, err) < 0) /* before what is removed by it */
        return -1;
    for (size_t i = 0; i < a->sandbox.env.n; i++)
        buf_add(&b, a->sandbox.env.list[i], strlen(a->sandbox.env.list[i]) + 1);
    if (path_write(environment, b.bytes ? b.bytes : "", b.len, 0400, err) < 0 ||
        path_own_tree(environment, a->uid, a->gid, err) < 0 || write_filter(filter, err) < 0)
        return -1;
    own(fd_fini) int fd =
        mkfifo(told, 0600) < 0 ? -1 : open(told, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0222) < 0)
        return err_sys(err, "cannot make %s", told);
    sandbox_mount(&a->sandbox, told, CONTAINER_TOLD, false);
    sandbox_mount(&a->sandbox, environment, CONTAINER_ENVIRONMENT, false);
    sandbox_mount(&a->sandbox, filter, CONTAINER_FILTER, false);
    const int told_fd = fd;
    fd = -1;
    return told_fd;
}

/* Nothing of the container is left: the engine has removed it when execdm-init said how it ended
 * and the engine agrees; else it is made so. */
static void leave_container(struct attempt *a, const struct watch *w, int status)
{
    struct err ignored;
    const bool regular = status == 0 && w->told.len && strchr(w->told.bytes, ' ');
    if (regular || container_remove(&a->engine, a->run.name, &ignored) == 0)
        unlink(a->note);
    attempt_tidy(a->line);
}

/* Inputs and outputs belong to the program while it runs, and to the owner again afterwards. */
static int give_mounts(struct attempt *a, uid_t uid, gid_t gid, struct err *err)
{
    size_t i;
    json_t *v;
    json_array_foreach (json_object_get(a->line, "mounts"), i, v) {
        if (path_own_tree(json_text(v, "source"), uid, gid, err) < 0)
            return -1;
    }
    return 0;
}

static int open_log(const json_t *line, const char *key, struct err *err)
{
    const char *path = json_text(line, key);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : err_sys(err, "cannot write %s", path);
}

struct ends {
    int out[2], errors[2], init[2], info[2], go[2];
};

static void limit_files(const struct attempt *a)
{
    const int64_t most = largest_file(a);
    if (most > 0)
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)most, (rlim_t)most});
}

static _Noreturn void become_task(struct attempt *a, const struct ends *e)
{
    struct err err = {0};
    char none;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(e->go[1]);
    while (read(e->go[0], &none, 1) < 0 && errno == EINTR) /* till it is in its control group */
        ;
    if (!a->boxed)
        limit_files(a);
    spawn_default_signals();
    fd_keep_none(3); /* whatever started us may have left some open */
    dup2(null, 0);
    dup2(e->out[1], 1);
    dup2(e->errors[1], 2);
    if (a->boxed) {
        container_exec(&a->run, &err);
        dprintf(2, "execdm: %s\n", err.text);
        _exit(CODE_UNAVAIL);
    }
    /* two descriptors survive the exec, at fixed places */
    int info = fcntl(e->info[1], F_DUPFD, 10);
    int init = fcntl(e->init[1], F_DUPFD_CLOEXEC, 10);
    dup2(init, INIT_FD);
    a->sandbox.info_fd = info;
    a->sandbox.filter = filter_open(&err);
    if (a->sandbox.filter > 0)
        sandbox_exec(&a->sandbox, &err);
    dprintf(2, "execdm: %s\n", err.text);
    _exit(CODE_UNAVAIL);
}

static void make_group(const struct attempt *a, struct watch *w)
{
    const json_t *limits = json_object_get(a->line, "limits");
    const int64_t cores = json_int(limits, "cores", 0);
    const struct cgroup_limits l = {.memory = w->memory,
                                    .cores = cores,
                                    .maxcores = json_int(limits, "maxcores", cores),
                                    .processes = PROCESSES_MAX};
    own(str_fini) char *note = file_of(a, CGROUP_NOTE);
    cgroup_make(&w->group, json_text(a->line, "stamp"), &a->place, &l, note);
}

static int launch(struct attempt *a, struct watch *w, struct err *err)
{
    struct ends e;
    const json_t *limits = json_object_get(a->line, "limits");
    own(str_fini) char *control = file_of(a, "control");
    *w = (struct watch){.childfd = -1,
                        .cpu_ms = -1,
                        .suspended = file_of(a, "suspended"),
                        .memory = json_int(limits, "memory", 0),
                        .disk = {.mounts = json_object_get(a->line, "mounts"), .most = a->disk},
                        .wall_ms = json_int(limits, "wall", 0) * 1000};
    w->control = open(control, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (w->control < 0)
        return err_sys(err, "cannot open %s", control);
    w->files[0] = open_log(a->line, "stdout", err);
    w->files[1] = open_log(a->line, "stderr", err);
    if (w->files[0] < 0 || w->files[1] < 0)
        return -1;
    own(fd_fini) int told = a->boxed ? describe_container(a, err) : -1;
    if (a->boxed && told < 0)
        return -1;
    w->container = a->boxed ? &a->run : NULL;
    if (pipe2(e.out, O_CLOEXEC) < 0 || pipe2(e.errors, O_CLOEXEC) < 0 ||
        pipe2(e.init, O_CLOEXEC) < 0 || pipe2(e.info, O_CLOEXEC) < 0 || pipe2(e.go, O_CLOEXEC) < 0)
        return err_sys(err, "cannot make a pipe");
    w->pid = fork();
    if (w->pid < 0)
        return err_sys(err, "cannot start the sandbox");
    if (w->pid == 0)
        become_task(a, &e);
    if (!a->boxed) { /* an engine makes its own */
        make_group(a, w);
        cgroup_enter(&w->group, w->pid);
    }
    close(e.go[0]);
    close(e.go[1]);
    int *ours[] = {&w->out[0], &w->out[1], &w->init, &w->info};
    int *pipes[] = {e.out, e.errors, e.init, e.info};
    for (size_t i = 0; i < COUNT(ours); i++) {
        *ours[i] = pipes[i][0];
        close(pipes[i][1]);
    }
    if (a->boxed) { /* the FIFO is in place of the pipe */
        dup3(told, w->init, O_CLOEXEC);
        fd_fini(&w->info);
    }
    return 0;
}

static json_t *stream_json(const struct watch *w, int i)
{
    return json_pack("{s:I,s:I,s:b}", "bytes", (json_int_t)w->written[i], "dropped",
                     (json_int_t)w->dropped[i], "truncated", w->dropped[i] > 0);
}

/* Says in `record` how it ended: the kernel's word by execdm-init, and why, when that was us. */
static void judge(json_t *record, const struct attempt *a, const struct watch *w)
{
    char word[16] = "";
    int number = 0;
    long cpu = 0, rss = 0;
    const char *reason = w->reason;
    if (w->told.len)
        sscanf(w->running ? w->told.bytes + 4 : w->told.bytes, "%15s %d %ld %ld", word, &number,
               &cpu, &rss);
    if (str_same(word, "exit"))
        json_object_set_new(record, "exit", json_integer(number));
    if (str_same(word, "signal"))
        json_object_set_new(record, "signal", json_integer(number));
    if (str_same(word, "exec")) {
        json_object_set_new(record, "exit", json_integer(127));
        json_object_set_new(
            record, "message",
            json_sprintf("%s cannot be started: %s", a->sandbox.argv.list[2], strerror(number)));
    }
    if (!reason && w->ran_out && *word)
        reason = "memlimit";
    if (!reason && str_same(word, "signal") && number == SIGXFSZ)
        reason = "disklimit"; /* in one file */
    if (!reason)
        reason = str_same(word, "signal")            ? "signal"
                 : str_same(word, "exit") && !number ? "ok"
                 : *word                             ? "exit"
                                                     : "internal";
    json_object_set_new(record, "reason", json_string(reason));
    if (w->peak < rss * 1024)
        json_object_set_new(record, "maxrss", json_integer((json_int_t)rss * 1024));
    else
        json_object_set_new(record, "maxrss", json_integer((json_int_t)w->peak));
    if (w->cpu_ms >= 0)
        cpu = (long)w->cpu_ms;
    json_object_set_new(record, "cpu", json_real((double)cpu / 1000.0));
}

static void last_words(json_t *record, const struct attempt *a)
{
    char text[400];
    own(fd_fini) int fd = open(json_text(a->line, "stderr"), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    json_object_set_new(record, "message", json_sprintf("the sandbox could not be made: %s", text));
}

static int write_record(const struct attempt *a, json_t *record, struct err *err)
{
    own(str_fini) char *text = write_string(record);
    return path_write(json_text(a->line, "exitfile"), text, strlen(text), 0600, err);
}

/* What the program wrote is on the disk before its end is: a record that outlives a power failure
 * promises that there is something to store. */
static int sync_outputs(const struct attempt *a, struct err *err)
{
    own(fd_fini) int fd = open(a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
        return err_sys(err, "what the program wrote cannot be kept in %s", a->dir);
    return 0;
}

/* The kernel's word about it, and no trace. */
static void leave_group(const struct attempt *a, struct watch *w)
{
    own(str_fini) char *note = file_of(a, CGROUP_NOTE);
    w->cpu_ms = cgroup_cpu(&w->group);
    if (!w->reason && cgroup_ran_out(&w->group))
        w->reason = "memlimit";
    if (cgroup_remove(&w->group)) /* else it stays for who looks later */
        unlink(note);
}

static void supervise(struct attempt *a, struct watch *w, int64_t start_ms)
{
    struct err err = {0};
    char start[WHEN_TEXT], end[WHEN_TEXT];
    int64_t begin = clock_boot();
    watch_run(w);
    int status;
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    str_fini(&w->suspended);
    if (a->boxed)
        leave_container(a, w, status);
    else
        leave_group(a, w);
    fsync(w->files[0]);
    fsync(w->files[1]);
    own(json_fini) json_t *record =
        json_pack("{s:s*,s:s,s:s,s:f,s:o,s:o}", "stamp", json_text(a->line, "stamp"), "start",
                  moment_print(start_ms, start), "end", moment_print(clock_ms(), end), "wall",
                  (double)(clock_boot() - begin) / 1000.0, "stdout", stream_json(w, 0), "stderr",
                  stream_json(w, 1));
    judge(record, a, w);
    if (str_same(json_text(record, "reason"), "internal"))
        last_words(record, a);
    give_mounts(a, geteuid(), getegid(), &err);
    if (sync_outputs(a, &err) < 0) {
        json_object_set_new(record, "reason", json_string("internal"));
        json_object_set_new(record, "message", json_string(err.text));
    }
    /* A full disk must not lose how it ended; a job that was deleted has no use for it. */
    while (write_record(a, record, &err) < 0 && err.errnum != ENOENT)
        sleep(5);
    buf_fini(&w->told);
    buf_fini(&w->info_text);
}

/* Takes the fence: 1 it is ours, 0 this attempt was started before, -1. */
static int take_fence(struct attempt *a, struct err *err)
{
    own(str_fini) char *alive = file_of(a, "alive");
    own(str_fini) char *started = file_of(a, "started");
    if (path_exists(started)) /* without a trace, which would say that it began */
        return 0;
    a->alive = open(alive, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (a->alive < 0)
        return err_sys(err, "cannot open %s", alive);
    const int locked = lock_try(a->alive);
    if (locked != 1)
        return locked < 0 ? err_sys(err, "cannot lock %s", alive) : 0;
    own(str_fini) char *control = file_of(a, "control");
    if (mkfifo(control, 0600) < 0 && errno != EEXIST) /* there before anybody may look for it */
        return err_sys(err, "cannot make %s", control);
    return attempt_fence(started, json_text(a->line, "stamp"), err);
}

/* The fence is ours, so a record has to be written, though nothing ran. -1 */
static int say_why_not(const struct attempt *a, const struct err *err)
{
    own(json_fini) json_t *record =
        json_pack("{s:s*,s:s,s:s}", "stamp", json_text(a->line, "stamp"), "reason", "internal",
                  "message", err->text);
    struct err ignored;
    attempt_tidy(a->line);
    write_record(a, record, &ignored);
    return -1;
}

/* Everything up to the running program: 1 it runs, 0 this attempt was started before, -1. */
static int begin(struct attempt *a, struct watch *w, struct err *err)
{
    int rc = take_fence(a, err);
    if (rc <= 0)
        return rc;
    if (describe(a, err) == 0 && give_mounts(a, a->uid, a->gid, err) == 0 && launch(a, w, err) == 0)
        return 1;
    return say_why_not(a, err);
}

/* What happens until the program runs is told to submit through `tell`. */
static _Noreturn void supervisor_main(struct attempt *a, int tell)
{
    struct err err = {0};
    struct watch w;
    int64_t now = clock_ms();
    const int rc = begin(a, &w, &err);
    if (rc < 0)
        dprintf(tell, "%d %s", (int)err.code, err.text);
    close(tell);
    if (rc > 0)
        supervise(a, &w, now);
    _exit(0);
}

static int detach(struct attempt *a, int tell)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid < 0 ? -1 : 0;
    setsid();
    pid = fork();
    if (pid < 0 || (pid == 0 && chdir("/") < 0))
        dprintf(tell, "%d the supervisor cannot be started: %s", CODE_OS, strerror(errno));
    if (pid != 0)
        _exit(0);
    umask(022); /* the task's files, whoever started us */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; fd++)
        dup2(null, fd);
    supervisor_main(a, tell);
}

static void attempt_fini(struct attempt *a)
{
    str_fini(&a->dir);
    str_fini(&a->note);
    str_fini(&a->pidfile);
    container_fini(&a->engine);
    sandbox_fini(&a->sandbox);
    devices_fini(&a->devices);
    fd_fini(&a->alive);
    fd_fini(&a->image);
}

/* The engine, and that it still enforces all the offer does not call advisory. */
static int find_engine(struct attempt *a, struct err *err)
{
    static const char *const limits[] = {"cores", "memory", "processes"};
    const json_t *advisory = json_object_get(json_object_get(a->line, "limits"), "advisory");
    if (container_find(&a->engine, a->config, err) < 0)
        return -1;
    for (size_t i = 0; advisory && !a->engine.limits && i < COUNT(limits); i++) {
        size_t k = 0;
        while (k < json_array_size(advisory) &&
               !str_same(json_string_value(json_array_get(advisory, k)), limits[i]))
            k++;
        if (k == json_array_size(advisory))
            return err_set(err, CODE_UNAVAIL,
                           "%s: %s does not enforce this limit now, and the offer says it is "
                           "enforced",
                           limits[i], a->engine.command.list[0]);
    }
    return 0;
}

/* For attempt_fini. */
static int attempt_of(struct attempt *a, const json_t *line, const json_t *config, struct err *err)
{
    const char *exitfile = json_text(line, "exitfile");
    *a = (struct attempt){.line = line,
                          .config = config,
                          .account = json_text(config, "job-user"),
                          .boxed = container_is_wanted(config),
                          .place.group = json_text(config, "cgroup"),
                          .alive = -1,
                          .image = -1};
    if (!exitfile || !strrchr(exitfile, '/') || !json_text(line, "stamp") ||
        !json_text(line, "stdout") || !json_text(line, "stderr"))
        return err_set(err, CODE_PROTO, "submit: stamp, stdout, stderr and exitfile are needed");
    a->dir = str_print("%.*s", (int)(strrchr(exitfile, '/') - exitfile), exitfile);
    const json_t *disk = json_object_get(config, "disk");
    const char *why;
    if (disk && size_parse(disk, false, &a->disk, &why) < 0)
        return err_set(err, CODE_CONFIG, "driver-options: expected disk to be a size: %s", why);
    if (sandbox_identity(a->account, &a->uid, &a->gid, err) < 0)
        return -1;
    /* before the fence: what is in use, or away, now may be there when this attempt is tried again
     */
    if (attempt_whose(line) == OURS)
        return 0;
    const json_t *limits = json_object_get(line, "limits");
    if (devices_take(&a->devices, json_object_get(limits, "extras"), config, err) < 0)
        return -1;
    return a->boxed ? find_engine(a, err) : 0;
}

int supervisor_start(const json_t *line, const json_t *config, struct err *err)
{
    own(attempt_fini) struct attempt a = {.alive = -1, .image = -1};
    int tell[2];
    char text[600];
    if (attempt_of(&a, line, config, err) < 0)
        return -1;
    if (pipe2(tell, O_CLOEXEC) < 0)
        return err_sys(err, "cannot make a pipe");
    int rc = detach(&a, tell[1]);
    close(tell[1]);
    if (rc == 0)
        while (wait(NULL) < 0 && errno == EINTR)
            ;
    size_t n = 0;
    ssize_t got;
    while (rc == 0 && (got = read(tell[0], text + n, sizeof(text) - 1 - n)) > 0)
        n += (size_t)got;
    close(tell[0]);
    text[n] = '\0';
    if (rc < 0)
        return err_set(err, CODE_OS, "cannot start a supervisor");
    if (n == 0)
        return 0;
    char *rest;
    long code = strtol(text, &rest, 10);
    return err_set(err, (enum code)code, "%s", *rest ? rest + 1 : "the supervisor failed");
}

static int terminate_through = -1;

static void on_terminate(int sig)
{
    const int before = errno;
    (void)sig;
    ssize_t n = write(terminate_through, "T", 1); /* else it is ending already */
    (void)n;
    errno = before;
}

int supervisor_attend(const json_t *line, const json_t *config, struct err *err)
{
    own(attempt_fini) struct attempt a = {.alive = -1, .image = -1};
    struct err ignored;
    struct watch w;
    const int64_t now = clock_ms();
    umask(022);
    if (attempt_of(&a, line, config, err) < 0)
        return a.dir && take_fence(&a, &ignored) > 0 ? say_why_not(&a, err) : -1;
    if (a.engine.command.n) /* nobody else sweeps on this node */
        container_sweep(&a.engine);
    a.place.settled = true; /* the batch system's */
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigprocmask(SIG_BLOCK, &terminate, NULL); /* until there is somebody to tell */
    const int rc = begin(&a, &w, err);
    if (rc <= 0)
        return rc;
    terminate_through = w.control;
    signal(SIGTERM, on_terminate);
    sigprocmask(SIG_UNBLOCK, &terminate, NULL);
    supervise(&a, &w, now);
    return 0;
}
