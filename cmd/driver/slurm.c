/* execdm-driver-slurm: runs jobs on a cluster of Slurm's.
 *
 * A job is a batch script whose only command is `execdm-driver-local attend`: on the node there is
 * the same supervisor, the same isolation and the same record as on this machine. The job's name is
 * the stamp, which is the identity: ids are given out again after a controller lost its state. The
 * fence in the attempt's directory keeps a second job of the same stamp from running anything.
 *
 * The attempt's directory, which the nodes see too, holds beside what supervisor.h says: call.json,
 * what the supervisor reads; slurm, the id (written when sbatch has given it); slurm.log. */
#include <fcntl.h>
#include "attempt.h"
#include "cli/prog.h"
#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "host/spawn.h"
#include "protocol.h"
#include "text/doc.h"
#include "text/size.h"
#include "text/write.h"

#define SLACK_MIN 2 /* Slurm's limit lies so much beyond ours, which tells more about the end */
#define SETTLE_S                                                                                   \
    30 /* a record may come so much later than the end of its job: network file systems */
#define WORDS_MAX 64 /* of a command */

/* --- the commands --- */

/* driver-options that are options of sbatch. */
static const char *const passed[] = {"partition", "account", "qos", "reservation", "constraint"};

static int check_config(const struct call *call, struct err *err)
{
    static const char *const others[] = {"conf", "gres", "job-user"};
    const char *key;
    json_t *v;
    json_object_foreach (call->config, key, v) {
        bool known = false;
        for (size_t i = 0; i < COUNT(passed); i++)
            known |= str_same(passed[i], key) && json_is_string(v);
        for (size_t i = 0; i < COUNT(others); i++)
            known |= str_same(others[i], key) && (i == 1 ? json_is_object(v) : json_is_string(v));
        if (!known)
            return err_set(err, CODE_CONFIG,
                           "driver-options: expected partition, account, qos, reservation, "
                           "constraint, conf, job-user and gres, found %s",
                           key);
    }
    if (json_text(call->config, "conf"))
        setenv("SLURM_CONF", json_text(call->config, "conf"), 1);
    return 0;
}

/* Runs one, and collects what it wrote in s->out. CODE_UNAVAIL when Slurm did not do it; s->errors
 * says why. */
static int slurm_run(struct spawn *s, const struct strs *words, const struct call *call,
                     struct err *err)
{
    char *argv[WORDS_MAX + 1] = {spawn_find_tool(words->list[0])};
    own(str_fini) char *tool = argv[0];
    if (!tool)
        return err_set(err, CODE_UNAVAIL, "%s is not installed; install the package slurm-client",
                       words->list[0]);
    for (size_t i = 1; i < words->n && i < WORDS_MAX; i++)
        argv[i] = words->list[i];
    s->argv = argv;
    s->kin = true; /* SLURM_CONF */
    s->deadline_ms = (call->deadline_s > 2 ? call->deadline_s - 1 : 1) * 1000;
    const int rc = spawn_run(s, err);
    s->argv = NULL;
    if (rc == 0)
        return 0;
    if (rc > 0)
        err_set(err, CODE_UNAVAIL, "%s: %s", words->list[0], spawn_last_error(s));
    return -1;
}

/* --- what the controller knows --- */

/* One of our jobs there. */
struct seen {
    char *id, *stamp, *state, *why;
    int64_t end; /* since 1970, s; 0: not known */
};

struct queue {
    struct seen *list;
    size_t n;
};

static void queue_fini(struct queue *q)
{
    for (size_t i = 0; i < q->n; i++) {
        free(q->list[i].id);
        free(q->list[i].stamp);
        free(q->list[i].state);
        free(q->list[i].why);
    }
    free(q->list);
    *q = (struct queue){0};
}

/* id|state|end|name|reason, and in the last there may be anything. */
static void add_row(struct queue *q, char *row)
{
    char *parts[5], *rest = row;
    struct tm tm = {0};
    for (size_t i = 0; i < COUNT(parts); i++)
        parts[i] = i + 1 < COUNT(parts) ? strsep(&rest, "|") : rest;
    if (!parts[4] || !str_begins(parts[3], "execdm-"))
        return;
    const char *read = strptime(parts[2], "%Y-%m-%dT%H:%M:%S", &tm);
    q->list = mem_grow(q->list, q->n + 1, sizeof(*q->list));
    q->list[q->n++] = (struct seen){str_new(parts[0]), str_new(parts[3]), str_new(parts[1]),
                                    str_new(parts[4]), read ? timegm(&tm) : 0};
}

/* All jobs of this user, those that ended a while ago too: one question, however many lines ask. */
static int queue_read(struct queue *q, const struct call *call, struct err *err)
{
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    *q = (struct queue){0};
    strs_add(&words, "squeue");
    strs_add(&words, "--noheader");
    strs_add(&words, "--states=all");
    strs_print(&words, "--user=%d", (int)getuid());
    strs_add(&words, "--format=%i|%T|%e|%j|%r");
    if (slurm_run(&s, &words, call, err) < 0)
        return -1;
    char *row, *rest = s.out.bytes;
    while ((row = strsep(&rest, "\n")))
        add_row(q, row);
    return 0;
}

/* The oldest one with the stamp that is not at its end, else the newest; NULL: there is none. */
static const struct seen *queue_find(const struct queue *q, const json_t *line)
{
    const char *stamp = json_text(line, "stamp"), *native = json_text(line, "native");
    const struct seen *found = NULL;
    for (size_t i = 0; i < q->n; i++)
        if (str_same(q->list[i].stamp, stamp) && (!found || str_same(q->list[i].id, native)))
            found = &q->list[i];
    return found;
}

/* --- its words, and ours --- */

enum meaning { GOES_ON, IS_LOST, HAS_ENDED };

static const struct {
    const char *word;
    enum meaning meaning;
    const char *state, *reason; /* reason of an end without a record */
    const char *message;
} states[] = {
    {"PENDING", GOES_ON, "queued", NULL, NULL},
    {"CONFIGURING", GOES_ON, "starting", NULL, NULL},
    {"RUNNING", GOES_ON, "running", NULL, NULL},
    {"RESIZING", GOES_ON, "running", NULL, NULL},
    {"SIGNALING", GOES_ON, "running", NULL, NULL},
    {"STAGE_OUT", GOES_ON, "finishing", NULL, NULL},
    {"COMPLETING", GOES_ON, "finishing", NULL, NULL},
    {"SUSPENDED", GOES_ON, "suspended", NULL, NULL},
    {"STOPPED", GOES_ON, "suspended", NULL, NULL},
    {"REQUEUED", GOES_ON, "queued", NULL, NULL},
    {"REQUEUE_FED", GOES_ON, "queued", NULL, NULL},
    {"REQUEUE_HOLD", GOES_ON, "held", NULL, NULL},
    {"SPECIAL_EXIT", GOES_ON, "held", NULL, NULL},
    {"RESV_DEL_HOLD", GOES_ON, "held", NULL, NULL},
    {"COMPLETED", HAS_ENDED, "failed", "internal",
     "the batch script ended, and the supervisor left no record: do the nodes see this directory?"},
    {"FAILED", HAS_ENDED, "failed", "internal",
     "the batch script failed before the program was started: is execdm installed on the nodes?"},
    {"CANCELLED", HAS_ENDED, "cancelled", "killed", "somebody cancelled it in Slurm"},
    {"TIMEOUT", HAS_ENDED, "failed", "timelimit", "Slurm ended it at its time limit"},
    {"OUT_OF_MEMORY", HAS_ENDED, "failed", "memlimit", "Slurm ended it at its memory limit"},
    {"DEADLINE", HAS_ENDED, "cancelled", "killed",
     "it was still queued in Slurm when its start window closed"},
    {"NODE_FAIL", IS_LOST, "lost", "nodefail", "the node failed"},
    {"BOOT_FAIL", IS_LOST, "lost", "nodefail", "the node did not boot"},
    {"PREEMPTED", IS_LOST, "lost", "preempted", "it had to make room for another job"},
    {"REVOKED", IS_LOST, "lost", "lost", "another cluster of the federation took it"},
};

/* Reasons of PENDING that mean: it will not start by itself. */
static bool is_held(const struct seen *seen)
{
    return str_same(seen->state, "PENDING") && str_begins(seen->why, "JobHeld");
}

static void tell_end(json_t *reply, size_t row, const struct seen *seen)
{
    const bool settled = clock_ms() / 1000 - seen->end > SETTLE_S || seen->end == 0;
    const bool hasty = str_same(states[row].reason, "internal") && !settled;
    json_object_set_new(reply, "state", json_string(hasty ? "finishing" : states[row].state));
    if (hasty)
        return;
    json_object_set_new(reply, "reason", json_string(states[row].reason));
    json_object_set_new(reply, "message", json_string(states[row].message));
}

static void tell_seen(json_t *reply, const struct seen *seen)
{
    size_t i = 0;
    while (i < COUNT(states) && !str_same(states[i].word, seen->state))
        i++;
    json_object_set_new(reply, "source", json_string("squeue"));
    json_object_set_new(reply, "raw", json_sprintf("%s %s", seen->state, seen->why));
    if (i == COUNT(states))
        json_object_set_new(reply, "state", json_string("unknown"));
    else if (states[i].meaning == GOES_ON)
        json_object_set_new(reply, "state", json_string(is_held(seen) ? "held" : states[i].state));
    else
        tell_end(reply, i, seen);
}

static bool is_over(const struct seen *seen)
{
    for (size_t i = 0; i < COUNT(states); i++)
        if (str_same(states[i].word, seen->state))
            return states[i].meaning != GOES_ON;
    return false;
}

/* --- the verbs --- */

struct cluster {
    const struct call *call;
    struct queue queue; /* read once a call */
};

/* The id that sbatch gave, or NULL. The caller frees. */
static char *noted_id(const json_t *line)
{
    char text[64];
    own(str_fini) char *path = attempt_file(line, "slurm");
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return NULL;
    text[n] = '\0';
    return str_new(text);
}

/* Was it given to Slurm, which does not know it any more? Its fence is taken: should it still be
 * somewhere, it runs nothing. */
static void tell_absent(json_t *reply, const json_t *line)
{
    own(str_fini) char *id = noted_id(line);
    const char *state = "unknown";
    if (attempt_whose(line) == OURS || (id && attempt_forestall(line)))
        state = attempt_alive(line) ? "running" : "lost";
    json_object_set_new(reply, "state", json_string(state));
    json_object_set_new(reply, "source", json_string("squeue"));
    if (str_same(state, "lost"))
        json_object_set_new(reply, "message", json_string("Slurm does not know the job any more"));
}

static int control(const char *const words[], const char *id, const struct call *call,
                   struct err *err)
{
    own(strs_fini) struct strs list = {0};
    own(spawn_fini) struct spawn s = {0};
    for (size_t i = 0; words[i]; i++)
        strs_add(&list, words[i]);
    strs_add(&list, id);
    return slurm_run(&s, &list, call, err);
}

/* Slurm does not look at the deadline of a job that cannot run at all now, as when its partition is
 * down. Who takes the fence knows that it never will. */
static bool missed_window(const json_t *line, const struct seen *seen, const struct call *call)
{
    static const char *const words[] = {"scancel", "--quiet", "--state=PENDING", NULL};
    own(str_fini) char *path = attempt_file(line, "call.json");
    own(input_close) struct input in = {0};
    own(json_fini) json_t *header = NULL, *submitted = NULL;
    struct err ignored = {0};
    struct when w;
    const char *why;
    if (!str_same(seen->state, "PENDING") || !path || input_open(&in, path, &ignored) < 0 ||
        input_next(&in, &header, &ignored) <= 0 || input_next(&in, &submitted, &ignored) <= 0)
        return false;
    const char *end = json_text(submitted, "not_after");
    if (!end || when_parse(end, &w, NULL, &why) < 0 || clock_ms() < when_to_ms(w) ||
        !attempt_forestall(line))
        return false;
    control(words, seen->id, call, &ignored);
    return true;
}

static json_t *status(const json_t *line, struct cluster *c)
{
    json_t *reply = attempt_reply(line);
    const struct seen *seen = queue_find(&c->queue, line);
    const struct seen late = {.state = "DEADLINE", .why = "start window"};
    if (attempt_ended(line, reply))
        return reply;
    if (seen && missed_window(line, seen, c->call))
        tell_seen(reply, &late);
    else if (seen)
        tell_seen(reply, seen);
    else
        tell_absent(reply, line);
    return reply;
}

/* What the batch script gives to the supervisor. */
static int write_call(const json_t *line, const struct call *call, struct err *err)
{
    own(buf_fini) struct buf b = {0};
    own(str_fini) char *path = attempt_file(line, "call.json");
    own(json_fini) json_t *header =
        json_pack("{s:i,s:s,s:O*}", "execdm_driver", 1, "verb", "attend", "config", call->config);
    if (!path)
        return err_set(err, CODE_PROTO, "submit: an exitfile is needed");
    write_json(&b, header, 0);
    buf_char(&b, '\n');
    write_json(&b, line, 0);
    buf_char(&b, '\n');
    return path_write(path, b.bytes, b.len, 0600, err);
}

/* A word for sh, in quotes. */
static void add_quoted(struct buf *b, const char *word)
{
    buf_char(b, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            buf_str(b, "'\\'");
        buf_char(b, *word);
    }
    buf_char(b, '\'');
}

/* The caller frees. NULL: it is not installed. */
static char *script_of(const json_t *line)
{
    struct buf b = {0};
    own(str_fini) char *path = attempt_file(line, "call.json");
    own(str_fini) char *program = spawn_find_program("execdm-driver-local");
    if (!program)
        return NULL;
    buf_str(&b, "#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin exec ");
    add_quoted(&b, program);
    buf_str(&b, " attend <");
    add_quoted(&b, path);
    buf_str(&b, "\n");
    return buf_take(&b);
}

/* Slurm reads local time, and we live in UTC (TZ, by the protocol). */
static void add_moment(struct strs *words, const char *option, const json_t *line, const char *key,
                       int64_t more)
{
    struct when w;
    char text[WHEN_TEXT];
    const char *why;
    if (!json_text(line, key) || when_parse(json_text(line, key), &w, NULL, &why) < 0)
        return;
    when_print((struct when){w.sec + more, 0}, text);
    strs_print(words, "%s=%.*s", option, (int)strlen(text) - 1, text);
}

/* Each extra is a generic resource by the name the platform has for it. */
static int add_gres(struct strs *words, const json_t *limits, const json_t *config, struct err *err)
{
    own(buf_fini) struct buf b = {0};
    const char *type;
    json_t *count;
    json_object_foreach (json_object_get(limits, "extras"), type, count) {
        const char *name = json_text(json_object_get(config, "gres"), type);
        if (!name)
            return err_set(err, CODE_CONFIG, "driver-options: expected gres to name %s", type);
        own(str_fini) char *word =
            str_print("%s%s:%d", b.len ? "," : "", name, (int)json_integer_value(count));
        buf_str(&b, word);
    }
    if (b.len)
        strs_print(words, "--gres=%s", b.bytes);
    return 0;
}

static int submit_words(struct strs *words, const json_t *line, const struct call *call,
                        struct err *err)
{
    const json_t *limits = json_object_get(line, "limits");
    const int64_t cores = json_int(limits, "cores", 0), memory = json_int(limits, "memory", 0);
    const int64_t wall = json_int(limits, "wall", 0), minutes = (wall + 59) / 60 + SLACK_MIN;
    own(str_fini) char *log = attempt_file(line, "slurm.log");
    strs_add(words, "sbatch");
    strs_add(words, "--parsable");
    strs_add(words, "--no-requeue"); /* what is tried again, and how often, is the worker's */
    strs_add(words, "--export=NONE");
    strs_add(words, "--nodes=1");
    strs_add(words, "--ntasks=1");
    strs_add(words, "--chdir=/");
    strs_add(words, "--input=/dev/null");
    strs_print(words, "--output=%s", log);
    strs_print(words, "--job-name=%s", json_text(line, "stamp"));
    if (cores > 0)
        strs_print(words, "--cpus-per-task=%d", (int)((cores + 999) / 1000));
    if (memory > 0)
        strs_print(words, "--mem=%dM", (int)((memory + (1 << 20) - 1) >> 20));
    if (wall > 0)
        strs_print(words, "--time=%d", (int)minutes);
    add_moment(words, "--begin", line, "not_before", 0);
    add_moment(words, "--deadline", line, "not_after", minutes * 60); /* Slurm's bounds the end */
    for (size_t i = 0; i < COUNT(passed); i++)
        if (json_text(call->config, passed[i]))
            strs_print(words, "--%s=%s", passed[i], json_text(call->config, passed[i]));
    return add_gres(words, limits, call->config, err);
}

static json_t *submitted(const json_t *line, const char *id)
{
    json_t *reply = attempt_reply(line);
    json_object_set_new(reply, "native", json_string(id));
    json_object_set_new(reply, "state", json_string("queued"));
    return reply;
}

/* Slurm refused the job itself, and will the next time: these are its words for that. */
static bool is_refusal(const char *text)
{
    static const char *const words[] = {"Invalid",  "invalid",   "not available", "not permitted",
                                        "violates", "Requested", "denied"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

/* One submit of an attempt at a time; the next one finds the id. A descriptor, or -1. */
static int take_turn(const json_t *line)
{
    own(str_fini) char *path = attempt_file(line, "submitting");
    const int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    while (fd >= 0 && lock_try(fd) == 0)
        usleep(20000); /* the caller's deadline ends it */
    return fd;
}

static json_t *submit(const json_t *line, struct cluster *c)
{
    struct err err = {0};
    own(fd_fini) int turn = take_turn(line);
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    const struct seen *seen = queue_find(&c->queue, line);
    own(str_fini) char *noted = noted_id(line);
    if (seen || noted)
        return submitted(line, seen ? seen->id : noted);
    if (!json_text(line, "stamp") || !json_text(line, "exitfile")) {
        err_set(&err, CODE_PROTO, "submit: stamp and exitfile are needed");
        return reply_error(line, "permanent", &err);
    }
    own(str_fini) char *script = script_of(line);
    own(str_fini) char *note = attempt_file(line, "slurm");
    if (!script)
        err_set(&err, CODE_UNAVAIL, "execdm-driver-local is not installed beside the driver");
    if (turn < 0)
        err_sys(&err, "cannot lock the directory of the attempt");
    if (turn < 0 || !script || write_call(line, c->call, &err) < 0 ||
        submit_words(&words, line, c->call, &err) < 0)
        return reply_error(line, "permanent", &err);
    s.input = script;
    if (slurm_run(&s, &words, c->call, &err) < 0)
        return reply_error(line, is_refusal(err.text) ? "permanent" : "unavailable", &err);
    own(str_fini) char *id = str_print("%.*s", (int)strcspn(s.out.bytes, ";\n"), s.out.bytes);
    if (path_write(note, id, strlen(id), 0600, &err) < 0)
        return reply_error(line, "temporary", &err);
    return submitted(line, id);
}

static json_t *find(const json_t *line, struct cluster *c)
{
    json_t *natives = json_array();
    for (size_t i = 0; i < c->queue.n; i++)
        if (str_same(c->queue.list[i].stamp, json_text(line, "stamp")))
            json_array_append_new(natives, json_string(c->queue.list[i].id));
    json_t *reply = attempt_reply(line);
    own(str_fini) char *noted = noted_id(line);
    if (noted && json_array_size(natives) == 0 && attempt_ended(line, reply)) {
        json_decref(reply);
        reply = attempt_reply(line);
        json_array_append_new(natives, json_string(noted));
    }
    json_object_set_new(reply, "natives", natives);
    json_object_set_new(reply, "end", json_true());
    json_object_set_new(reply, "complete", json_boolean(attempt_whose(line) != UNREADABLE));
    return reply;
}

/* Asked to end, and waited for: a job that is over, or that nobody knows, has no process left. */
static json_t *cancel(const json_t *line, struct cluster *c)
{
    const char *const words[] = {"scancel", "--quiet", NULL};
    const int64_t deadline = clock_boot() + (c->call->deadline_s - 2) * 1000;
    struct err err = {0};
    const bool never = attempt_forestall(line);
    const struct seen *seen = queue_find(&c->queue, line);
    while (seen && !is_over(seen) && clock_boot() < deadline) {
        if (control(words, seen->id, c->call, &err) < 0)
            return reply_error(line, "unavailable", &err);
        usleep(200000);
        queue_fini(&c->queue);
        if (queue_read(&c->queue, c->call, &err) < 0)
            return reply_error(line, "unavailable", &err);
        seen = queue_find(&c->queue, line);
    }
    if (seen && !is_over(seen)) {
        err_set(&err, CODE_TEMP, "the job is still ending in Slurm (%s)", seen->state);
        return reply_error(line, "temporary", &err);
    }
    json_t *reply = status(line, c);
    if (never)
        json_object_set_new(reply, "state", json_string("cancelled"));
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static json_t *pause_job(const json_t *line, struct cluster *c, const char *word)
{
    const char *const words[] = {"scontrol", word, NULL};
    struct err err = {0};
    const struct seen *seen = queue_find(&c->queue, line);
    const bool runs =
        seen && (str_same(seen->state, "RUNNING") || str_same(seen->state, "SUSPENDED"));
    if (!runs) {
        err_set(&err, CODE_CONFLICT, "the program does not run");
        return reply_error(line, "conflict", &err);
    }
    if (control(words, seen->id, c->call, &err) < 0) /* only operators may, in most clusters */
        return reply_error(line, "unsupported", &err);
    queue_fini(&c->queue);
    if (queue_read(&c->queue, c->call, &err) < 0)
        return reply_error(line, "unavailable", &err);
    json_t *reply = status(line, c);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static json_t *suspend(const json_t *line, struct cluster *c)
{
    return pause_job(line, c, "suspend");
}

static json_t *resume(const json_t *line, struct cluster *c)
{
    return pause_job(line, c, "resume");
}

/* Slurm forgets by itself; the files go with the job's directory. */
static json_t *purge(const json_t *line, struct cluster *c)
{
    (void)c;
    json_t *reply = attempt_reply(line);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

/* --- probe --- */

/* Cores and memory of all nodes of the partition, each once, that are not down. */
static int probe_nodes(json_t *reply, json_t *facts, const struct call *call, struct err *err)
{
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    int64_t cores = 0, megabytes = 0, idle = 0;
    const char *partition = json_text(call->config, "partition");
    strs_add(&words, "sinfo");
    strs_add(&words, "--noheader");
    strs_add(&words, "--Node");
    strs_add(&words, "--responding");
    strs_add(&words, "--format=%N|%C|%m|%P");
    if (partition)
        strs_print(&words, "--partition=%s", partition);
    if (slurm_run(&s, &words, call, err) < 0)
        return -1;
    own(json_fini) json_t *counted = json_object();
    char *row, *rest = s.out.bytes;
    while ((row = strsep(&rest, "\n"))) {
        long used, free_ones, other, all, memory;
        const size_t n = strcspn(row, "|");
        own(str_fini) char *node = str_print("%.*s", (int)n, row);
        if (sscanf(row + n, "|%ld/%ld/%ld/%ld|%ld", &used, &free_ones, &other, &all, &memory) !=
                5 ||
            json_object_get(counted, node) || (!partition && row[strlen(row) - 1] != '*'))
            continue;
        json_object_set_new(counted, node, json_true());
        cores += all - other;
        idle += free_ones;
        megabytes += memory;
    }
    json_object_set_new(facts, "cores", json_integer(cores));
    json_object_set_new(facts, "memory", size_json(megabytes << 20));
    json_object_set_new(
        reply, "load",
        json_pack("{s:I,s:I}", "slots", (json_int_t)cores, "free", (json_int_t)idle));
    return 0;
}

/* The nodes are taken to be as this machine: what the supervisor says here, it says there. */
static json_t *probe_local(const struct call *call, struct err *err)
{
    own(str_fini) char *program = spawn_find_program("execdm-driver-local");
    if (!program) {
        err_set(err, CODE_UNAVAIL, "execdm-driver-local is not installed beside the driver");
        return NULL;
    }
    char verb[] = "probe", *argv[] = {program, verb, NULL};
    own(json_fini) json_t *header =
        json_pack("{s:i,s:s,s:O*}", "execdm_driver", 1, "verb", "probe", "config", call->config);
    own(str_fini) char *text = write_string(header);
    own(str_fini) char *input = str_print("%s\n{\"id\":\"probe\"}\n", text);
    own(spawn_fini) struct spawn s = {
        .argv = argv, .input = input, .deadline_ms = call->deadline_s * 1000};
    const int rc = spawn_run(&s, err);
    json_t *reply = rc == 0 ? json_loads(s.out.bytes, 0, NULL) : NULL;
    if (rc >= 0 && !reply)
        err_set(err, CODE_UNAVAIL, "execdm-driver-local: %s", spawn_last_error(&s));
    return reply;
}

static json_t *probe(const json_t *line, struct cluster *c)
{
    struct err err = {0};
    json_t *reply = probe_local(c->call, &err);
    if (!reply || probe_nodes(reply, json_object_get(reply, "facts"), c->call, &err) < 0) {
        json_decref(reply);
        return reply_error(line, "unavailable", &err);
    }
    size_t queued = 0;
    for (size_t i = 0; i < c->queue.n; i++)
        queued += str_same(c->queue.list[i].state, "PENDING");
    json_object_set_new(json_object_get(reply, "load"), "queued", json_integer((json_int_t)queued));
    json_object_set_new(reply, "name", json_string("slurm"));
    json_object_set(reply, "id", json_object_get(line, "id"));
    return reply;
}

static const struct {
    const char *name;
    json_t *(*answer)(const json_t *line, struct cluster *c);
} verbs[] = {
    {"probe", probe},   {"submit", submit}, {"status", status},   {"find", find},
    {"cancel", cancel}, {"purge", purge},   {"suspend", suspend}, {"resume", resume},
};

static int run(char **operands, struct buf *out, struct err *err)
{
    own(call_fini) struct call call = {0};
    struct cluster c = {.call = &call};
    const char *verb = operands[0] ? operands[0] : "";
    size_t i, v = 0;
    json_t *line;
    while (v < COUNT(verbs) && !str_same(verbs[v].name, verb))
        v++;
    if (v == COUNT(verbs))
        return err_set(err, CODE_USAGE, "no such verb \"%s\", see execdm-driver(7)", verb);
    if (call_read(&call, verb, err) < 0 || check_config(&call, err) < 0)
        return -1;
    if (verbs[v].answer != purge && queue_read(&c.queue, &call, err) < 0)
        return -1;
    json_array_foreach (call.lines, i, line)
        reply_add(out, verbs[v].answer(line, &c));
    queue_fini(&c.queue);
    return CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-driver-slurm",
    .synopsis = "VERB < CALL",
    .about = "Run jobs on a cluster of Slurm's (see execdm-driver(7)).",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
