/* execdm-driver-local: runs jobs on this machine, isolated by bubblewrap. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include "cli/prog.h"
#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "host/sandbox.h"
#include "host/spawn.h"
#include "model/requirement.h"
#include "model/task.h"
#include "protocol.h"
#include "supervisor.h"
#include "text/doc.h"
#include "text/size.h"

static json_t *reply_to(const json_t *line)
{
    char now[WHEN_TEXT];
    return json_pack("{s:s*,s:s}", "id", json_text(line, "id"), "as_of",
                     moment_print(clock_ms(), now));
}

/* The attempt's directory is the native id. */
static char *native_file(const json_t *line, const char *name)
{
    const char *native = json_text(line, "native"), *exitfile = json_text(line, "exitfile");
    const char *slash = exitfile ? strrchr(exitfile, '/') : NULL;
    if (native)
        return str_print("%s/%s", native, name);
    return slash ? str_print("%.*s/%s", (int)(slash - exitfile), exitfile, name) : NULL;
}

static bool is_alive(const json_t *line)
{
    own(str_fini) char *path = native_file(line, "alive");
    return path && lock_is_held(path);
}

/* Whose attempt is in the directory? SURELY_NOT: it never began. */
enum whose { OURS, ANOTHERS, SURELY_NOT, UNREADABLE };

static enum whose whose_is(const json_t *line)
{
    char text[128];
    own(str_fini) char *path = native_file(line, "started");
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return !path || errno == ENOENT || errno == ENOTDIR ? SURELY_NOT : UNREADABLE;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return UNREADABLE;
    text[n] = '\0';
    return str_same(text, json_text(line, "stamp")) ? OURS : ANOTHERS;
}

static bool is_ours(const json_t *line)
{
    return whose_is(line) == OURS;
}

struct runtime {
    const char *type, *tool, *package;
};

static const struct runtime runtimes[] = {
    {EXEC_TYPES "oci-container", "umoci", "umoci"},
    {EXEC_TYPES "python-program", "/usr/bin/python3", "python3"},
};

static json_t *probe_runtimes(const json_t *config)
{
    json_t *list = json_array();
    struct err err = {0};
    bool sandboxed = sandbox_probe(json_text(config, "job-user"), &err) == 0;
    for (size_t i = 0; i < COUNT(runtimes); i++) {
        const char *name = runtimes[i].tool;
        own(str_fini) char *tool =
            *name == '/' && access(name, X_OK) == 0 ? str_new(name) : spawn_find_tool(name);
        json_t *row = json_pack("{s:s,s:b}", "type", runtimes[i].type, "ok", sandboxed && tool);
        if (!sandboxed)
            json_object_set_new(row, "reason", json_string(err.text));
        else if (!tool)
            json_object_set_new(row, "reason",
                                json_sprintf("%s is not installed; install the package %s",
                                             runtimes[i].tool, runtimes[i].package));
        json_array_append_new(list, row);
    }
    return list;
}

static const char *oci_arch(const char *machine)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}, {"armv7l", "arm"}};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_same(machine, names[i][0]))
            return names[i][1];
    return machine;
}

/* 41 packages in under a millisecond, where Python itself takes a hundred times that: what is
 * installed has a directory NAME-VERSION.dist-info, or NAME-VERSION[-py3.x].egg-info. */
static void add_modules(json_t *modules, const char *dir)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        const char *name = e->d_name, *dot = strrchr(name, '.');
        if (!dot || (!str_same(dot, ".dist-info") && !str_same(dot, ".egg-info")))
            continue;
        const size_t n = strcspn(name, "-");
        own(str_fini) char *plain = requirement_name(name, n);
        own(str_fini) char *version =
            name + n < dot ? str_print("%.*s", (int)(dot - name - n - 1), name + n + 1) : NULL;
        char *python = version ? strstr(version, "-py") : NULL;
        if (python)
            *python = '\0';
        if (version && !json_object_get(modules, plain))
            json_object_set_new(modules, plain, json_string(version));
    }
    if (d)
        closedir(d);
}

/* Every name in a directory. */
static void add_names(json_t *names, const char *dir)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            json_array_append_new(names, json_string(e->d_name));
    if (d)
        closedir(d);
}

/* What a program finds of Python in its sandbox, where /usr is the machine's own. */
static void probe_python(json_t *facts)
{
    char *argv[] = {"/usr/bin/python3", "-V", NULL};
    own(spawn_fini) struct spawn s = {.argv = argv, .deadline_ms = 5000};
    struct err ignored = {0};
    int major, minor;
    if (access(argv[0], X_OK) < 0 || spawn_run(&s, &ignored) != 0 || !s.out.bytes ||
        sscanf(s.out.bytes, "Python %d.%d", &major, &minor) != 2)
        return;
    const char *version = s.out.bytes + strlen("Python ");
    json_t *modules = json_object(), *kernels = json_array();
    own(str_fini) char *local = str_print("/usr/local/lib/python%d.%d/dist-packages", major, minor);
    own(str_fini) char *site = str_print("/usr/lib/python%d.%d/site-packages", major, minor);
    const char *const dirs[] = {local, "/usr/lib/python3/dist-packages", site};
    for (size_t i = 0; i < COUNT(dirs); i++)
        add_modules(modules, dirs[i]);
    add_names(kernels, "/usr/local/share/jupyter/kernels");
    add_names(kernels, "/usr/share/jupyter/kernels");
    json_object_set_new(facts, "python",
                        json_sprintf("%.*s", (int)strcspn(version, " +\n"), version));
    json_object_set_new(facts, "modules", modules);
    json_object_set_new(facts, "kernels", kernels);
}

/* The jobs that are booked are not all that this machine does. */
static json_t *probe_load(int cores)
{
    double busy = 0;
    if (getloadavg(&busy, 1) < 1)
        return NULL;
    const int used = (int)ceil(busy);
    return json_pack("{s:i,s:i,s:o}", "slots", cores, "free", used < cores ? cores - used : 0,
                     "busy", json_real(round(busy * 100) / 100));
}

static json_t *probe(const json_t *line, const struct call *call)
{
    struct sysinfo si;
    struct utsname uts;
    cpu_set_t cpus;
    sysinfo(&si);
    uname(&uts);
    CPU_ZERO(&cpus);
    int cores = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    int64_t memory = (int64_t)si.totalram * si.mem_unit;
    json_t *reply = reply_to(line);
    json_object_update_new(
        reply,
        json_pack(
            "{s:s,s:s,s:[s,s,s,s,s,s,s,s],s:{s:[s,s],s:[s,s,s,s]},s:o,s:{s:i,s:o,s:s,s:s},s:i}",
            "name", "local", "version", PACKAGE_VERSION, "verbs", "probe", "submit", "status",
            "find", "cancel", "purge", "suspend", "resume", "capabilities", "enforced", "network",
            "time", "advisory", "cores", "memory", "processes", "disk", "runtimes",
            probe_runtimes(call->config), "facts", "cores", cores, "memory", size_json(memory),
            "os", "linux", "arch", oci_arch(uts.machine), "ttl_s", 60));
    probe_python(json_object_get(reply, "facts"));
    json_t *load = probe_load(cores);
    if (load)
        json_object_set_new(reply, "load", load);
    return reply;
}

static json_t *submit(const json_t *line, const struct call *call)
{
    struct err err = {0};
    own(str_fini) char *file = native_file(line, "");
    if (!file || supervisor_start(line, call->config, &err) < 0)
        return reply_error(line, err.code == CODE_UNAVAIL ? "unavailable" : "permanent", &err);
    file[strlen(file) - 1] = '\0';
    json_t *reply = reply_to(line);
    json_object_set_new(reply, "native", json_string(file));
    json_object_set_new(reply, "state", json_string("running"));
    return reply;
}

static const char *state_of(const char *reason)
{
    return str_same(reason, "ok") ? "done" : str_same(reason, "killed") ? "cancelled" : "failed";
}

/* The record first, then the lock: a supervisor writes the one before it lets go of the other. */
static json_t *status(const json_t *line, const struct call *call)
{
    (void)call;
    json_t *reply = reply_to(line);
    own(json_fini) json_t *record = NULL;
    own(str_fini) char *path = native_file(line, "exit.json");
    struct err err = {0};
    bool alive = is_alive(line);
    if (path && path_exists(path) && doc_file(path, &record, &err) == 0 &&
        str_same(json_text(record, "stamp"), json_text(line, "stamp"))) {
        json_object_set_new(reply, "state", json_string(state_of(json_text(record, "reason"))));
        json_object_update(reply, record);
        json_object_set_new(reply, "source", json_string("exitfile"));
        return reply;
    }
    own(str_fini) char *mark = native_file(line, "suspended");
    const bool suspended = alive && mark && path_exists(mark);
    const char *state = !is_ours(line) ? "unknown"
                        : suspended    ? "suspended"
                        : alive        ? "running"
                                       : "lost";
    json_object_set_new(reply, "state", json_string(state));
    json_object_set_new(reply, "source", json_string("lock"));
    return reply;
}

static json_t *find(const json_t *line, const struct call *call)
{
    int64_t deadline = clock_boot() + (call->deadline_s - 1) * 1000;
    json_t *natives = json_array();
    own(str_fini) char *dir = native_file(line, "");
    while (!is_ours(line) && is_alive(line) && clock_boot() < deadline)
        usleep(10000); /* a supervisor on its way to the fence */
    if (is_ours(line) && dir) {
        dir[strlen(dir) - 1] = '\0';
        json_array_append_new(natives, json_string(dir));
    }
    json_t *reply = reply_to(line);
    json_object_set_new(reply, "natives", natives);
    json_object_set_new(reply, "end", json_true());
    json_object_set_new(reply, "complete", json_boolean(whose_is(line) != UNREADABLE));
    return reply;
}

/* An attempt that has not begun never will: its fence is taken here. True when it was ours to take.
 */
static bool forestall(const json_t *line)
{
    own(str_fini) char *path = native_file(line, "started");
    const char *stamp = json_text(line, "stamp");
    own(fd_fini) int fd =
        path && stamp ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    return fd >= 0 && write(fd, stamp, strlen(stamp)) > 0 && fsync(fd) == 0;
}

/* A letter for the supervisor, as supervisor.h has them. */
static void ask(const json_t *line, const char *letter)
{
    own(str_fini) char *control = native_file(line, "control");
    own(fd_fini) int fd = open(control, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && write(fd, letter, 1) < 0)
        return; /* it is ending already */
}

/* Only a lock that is free again tells that the whole tree is gone. */
static json_t *cancel(const json_t *line, const struct call *call)
{
    int64_t deadline = clock_boot() + (call->deadline_s - 1) * 1000;
    bool never = forestall(line);
    while (is_alive(line) && clock_boot() < deadline) {
        ask(line, "T");
        usleep(20000);
    }
    if (is_alive(line)) {
        struct err err = {0};
        err_set(&err, CODE_TEMP, "the job's processes are still ending");
        return reply_error(line, "temporary", &err);
    }
    json_t *reply = status(line, call);
    if (never)
        json_object_set_new(reply, "state", json_string("cancelled"));
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

/* Only a program that runs can be suspended: one that is just being started is waited for. */
static json_t *pause_attempt(const json_t *line, const struct call *call, bool stop)
{
    int64_t deadline = clock_boot() + (call->deadline_s - 1) * 1000;
    own(str_fini) char *mark = native_file(line, "suspended");
    struct err err = {0};
    while (is_ours(line) && is_alive(line) && path_exists(mark) != stop &&
           clock_boot() < deadline) {
        ask(line, stop ? "S" : "R");
        usleep(20000);
    }
    if (!is_ours(line) || !is_alive(line)) {
        err_set(&err, CODE_CONFLICT, "the program does not run any more");
        return reply_error(line, "conflict", &err);
    }
    if (path_exists(mark) != stop) {
        err_set(&err, CODE_TEMP, "the program cannot be %s now", stop ? "suspended" : "resumed");
        return reply_error(line, "temporary", &err);
    }
    json_t *reply = status(line, call);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static json_t *suspend(const json_t *line, const struct call *call)
{
    return pause_attempt(line, call, true);
}

static json_t *resume(const json_t *line, const struct call *call)
{
    return pause_attempt(line, call, false);
}

static json_t *purge(const json_t *line, const struct call *call)
{
    (void)call;
    own(str_fini) char *control = native_file(line, "control");
    if (control)
        unlink(control);
    json_t *reply = reply_to(line);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static const struct {
    const char *name;
    json_t *(*answer)(const json_t *line, const struct call *call);
} verbs[] = {
    {"probe", probe},   {"submit", submit}, {"status", status},   {"find", find},
    {"cancel", cancel}, {"purge", purge},   {"suspend", suspend}, {"resume", resume},
};

static int run(char **operands, struct buf *out, struct err *err)
{
    own(call_fini) struct call call = {0};
    const char *verb = operands[0] ? operands[0] : "";
    size_t i, v = 0;
    json_t *line;
    while (v < COUNT(verbs) && !str_same(verbs[v].name, verb))
        v++;
    if (v == COUNT(verbs))
        return err_set(err, CODE_USAGE, "no such verb \"%s\", see execdm-driver(7)", verb);
    if (call_read(&call, verb, err) < 0)
        return -1;
    json_array_foreach (call.lines, i, line)
        reply_add(out, verbs[v].answer(line, &call));
    return CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-driver-local",
    .synopsis = "VERB < CALL",
    .about = "Run jobs on this machine, isolated by bubblewrap (see execdm-driver(7)).",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
