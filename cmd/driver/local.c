/* execdm-driver-local: runs jobs on this machine, isolated by bubblewrap; and, as
 * execdm-driver-podman, by a container engine. */
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include "cli/prog.h"
#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "attempt.h"
#include "cgroup.h"
#include "device.h"
#include "protocol.h"
#include "runtime.h"
#include "supervisor.h"
#include "text/size.h"

#ifndef DRIVER_NAME
#define DRIVER_NAME "local"
#endif

static const char *oci_arch(const char *machine)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}, {"armv7l", "arm"}};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_same(machine, names[i][0]))
            return names[i][1];
    return machine;
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

/* Limits that the engine of containers keeps, or a control group of ours. */
static json_t *capabilities(const json_t *config, bool limits)
{
    json_t *enforced = json_pack("[s,s]", "network", "time"), *advisory = json_pack("[s]", "disk");
    static const char *const all[] = {"cores", "memory", "processes"};
    if (!container_is_wanted(config))
        cgroup_probe(json_text(config, "cgroup"), enforced, advisory);
    for (size_t i = 0; container_is_wanted(config) && i < COUNT(all); i++)
        json_array_append_new(limits ? enforced : advisory, json_string(all[i]));
    return json_pack("{s:o,s:o}", "enforced", enforced, "advisory", advisory);
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
    json_t *reply = attempt_reply(line);
    bool limits = false;
    json_t *facts = json_pack("{s:i,s:o,s:s,s:s}", "cores", cores, "memory", size_json(memory),
                              "os", "linux", "arch", oci_arch(uts.machine));
    if (!container_is_wanted(call->config))
        runtime_facts(facts, call->config);
    device_facts(facts, call->config);
    json_t *rows = runtime_list(call->config, facts, &limits);
    json_object_update_new(reply,
                           json_pack("{s:s,s:s,s:[s,s,s,s,s,s,s,s],s:o,s:o,s:o,s:i}", "name",
                                     DRIVER_NAME, "version", PACKAGE_VERSION, "verbs", "probe",
                                     "submit", "status", "find", "cancel", "purge", "suspend",
                                     "resume", "capabilities", capabilities(call->config, limits),
                                     "runtimes", rows, "facts", facts, "ttl_s", 60));
    json_t *load = probe_load(cores);
    if (load)
        json_object_set_new(reply, "load", load);
    return reply;
}

static json_t *submit(const json_t *line, const struct call *call)
{
    struct err err = {0};
    own(str_fini) char *file = attempt_file(line, "");
    if (!file || supervisor_start(line, call->config, &err) < 0)
        return reply_error(line,
                           err.code == CODE_UNAVAIL ? "unavailable"
                           : err.code == CODE_TEMP  ? "temporary"
                                                    : "permanent",
                           &err);
    file[strlen(file) - 1] = '\0';
    json_t *reply = attempt_reply(line);
    json_object_set_new(reply, "native", json_string(file));
    json_object_set_new(reply, "state", json_string("running"));
    return reply;
}

/* No verb of the protocol: what a batch system starts for another driver. The call may hold secrets
 * of the task, so its file is not kept. */
static json_t *attend(const json_t *line, const struct call *call)
{
    struct err err = {0};
    own(str_fini) char *call_file = attempt_file(line, "call.json");
    if (call_file)
        unlink(call_file);
    if (supervisor_attend(line, call->config, &err) < 0)
        return reply_error(line, "permanent", &err);
    json_t *reply = attempt_reply(line);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

/* What a supervisor that is dead left of a container, or of a control group: the program went with
 * it. False: there may still be something. */
static bool sweep(const json_t *line, const struct call *call, struct err *err)
{
    own(container_fini) struct container engine = {0};
    own(str_fini) char *box = attempt_file(line, CONTAINER_NOTE);
    own(str_fini) char *group = attempt_file(line, CGROUP_NOTE);
    const char *stamp = json_text(line, "stamp");
    const bool boxed = box && path_exists(box), grouped = group && path_exists(group);
    if (!stamp || (!boxed && !grouped) || attempt_alive(line) || attempt_whose(line) != OURS)
        return true;
    if (grouped && !cgroup_sweep(group, stamp)) {
        err_set(err, CODE_TEMP, "processes of %s are still ending in its control group", stamp);
        return false;
    }
    if (!boxed)
        return true;
    attempt_tidy(line);
    if (container_find(&engine, call->config, err) < 0 || container_remove(&engine, stamp, err) < 0)
        return false;
    unlink(box);
    return true;
}

/* The record first, then the lock: a supervisor writes the one before it lets go of the other. */
static json_t *status(const json_t *line, const struct call *call)
{
    struct err err = {0};
    if (!sweep(line, call, &err))
        return reply_error(line, "temporary", &err);
    json_t *reply = attempt_reply(line);
    bool alive = attempt_alive(line);
    if (attempt_ended(line, reply))
        return reply;
    if (attempt_unsure(line, &err)) {
        json_decref(reply);
        return reply_error(line, "temporary", &err);
    }
    own(str_fini) char *mark = attempt_file(line, "suspended");
    const bool suspended = alive && mark && path_exists(mark);
    const char *state = attempt_whose(line) != OURS ? "unknown"
                        : suspended                 ? "suspended"
                        : alive                     ? "running"
                                                    : "lost";
    json_object_set_new(reply, "state", json_string(state));
    json_object_set_new(reply, "source", json_string("lock"));
    return reply;
}

static json_t *find(const json_t *line, const struct call *call)
{
    int64_t deadline = clock_boot() + (call->deadline_s - 1) * 1000;
    json_t *natives = json_array();
    own(str_fini) char *dir = attempt_file(line, "");
    while (attempt_whose(line) != OURS && attempt_alive(line) && clock_boot() < deadline)
        usleep(10000); /* a supervisor on its way to the fence */
    const bool alive = attempt_alive(line);
    const enum whose whose = attempt_whose(line);
    if (whose == OURS && dir) {
        dir[strlen(dir) - 1] = '\0';
        json_array_append_new(natives, json_string(dir));
    }
    json_t *reply = attempt_reply(line);
    json_object_set_new(reply, "natives", natives);
    json_object_set_new(reply, "end", json_true());
    json_object_set_new(reply, "complete",
                        json_boolean(whose == OURS || (whose != UNREADABLE && !alive)));
    return reply;
}

/* A letter for the supervisor, as supervisor.h has them. */
static void ask(const json_t *line, const char *letter)
{
    own(str_fini) char *control = attempt_file(line, "control");
    own(fd_fini) int fd = open(control, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && write(fd, letter, 1) < 0)
        return; /* it is ending already */
}

/* Only a lock that is free again tells that the whole tree is gone. */
static json_t *cancel(const json_t *line, const struct call *call)
{
    int64_t deadline = clock_boot() + (call->deadline_s - 1) * 1000;
    bool never = attempt_forestall(line);
    while (attempt_alive(line) && clock_boot() < deadline) {
        ask(line, "T");
        usleep(20000);
    }
    if (attempt_alive(line)) {
        struct err err = {0};
        err_set(&err, CODE_TEMP, "the job's processes are still ending");
        return reply_error(line, "temporary", &err);
    }
    json_t *reply = status(line, call);
    if (never)
        json_object_set_new(reply, "state", json_string("cancelled"));
    if (!json_object_get(reply, "error")) /* such as a container that is still there */
        json_object_set_new(reply, "ok", json_true());
    return reply;
}

/* Only a program that runs can be suspended: one that is just being started is waited for. */
static json_t *pause_attempt(const json_t *line, const struct call *call, bool stop)
{
    int64_t deadline = clock_boot() + (call->deadline_s - 1) * 1000;
    own(str_fini) char *mark = attempt_file(line, "suspended");
    struct err err = {0};
    while (attempt_whose(line) == OURS && attempt_alive(line) && path_exists(mark) != stop &&
           clock_boot() < deadline) {
        ask(line, stop ? "S" : "R");
        usleep(20000);
    }
    if (attempt_whose(line) != OURS || !attempt_alive(line)) {
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
    struct err err = {0};
    if (!sweep(line, call, &err))
        return reply_error(line, "temporary", &err);
    own(str_fini) char *control = attempt_file(line, "control");
    if (control)
        unlink(control);
    json_t *reply = attempt_reply(line);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static const struct {
    const char *name;
    json_t *(*answer)(const json_t *line, const struct call *call);
} verbs[] = {
    {"probe", probe},     {"submit", submit}, {"status", status},
    {"find", find},       {"cancel", cancel}, {"purge", purge},
    {"suspend", suspend}, {"resume", resume}, {"attend", attend},
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
    if (verbs[v].answer == probe &&
        (runtime_check(call.config, err) < 0 || device_check(call.config, err) < 0))
        return -1;
    json_array_foreach (call.lines, i, line)
        reply_add(out, verbs[v].answer(line, &call));
    return CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-driver-" DRIVER_NAME,
    .synopsis = "VERB < CALL",
    .about = "Run jobs on this machine, each isolated (see execdm-driver(7)).",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
