/* execdm-driver-slurm: runs jobs on a cluster of Slurm's.
 *
 * A job is a batch script whose only command is `execdm-driver-local attend`: on the node there is
 * the same supervisor, the same isolation and the same record as on this machine. The job's name is
 * the stamp, which is the identity: ids are given out again after a controller lost its state. The
 * fence in the attempt's directory keeps a second job of the same stamp from running anything.
 *
 * The attempt's directory, which the nodes see too, holds beside what supervisor.h says: call.json,
 * what the supervisor reads and removes; slurm, the id, once sbatch has given it; submitting, a
 * lock; not_after, the end of the start window; slurm.log. */
#include <fcntl.h>
#include <signal.h>
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

#define SLACK_MIN 1  /* Slurm's limits lie so much beyond ours, which tell more about the end */
#define SLACK_MIB 16 /* the supervisor's own, too */
#define SETTLE_S                                                                                   \
    90 /* so much later a record may be seen: network file systems keep what was not there */
#define GRACE_S 8    /* for the supervisor, before Slurm kills */
#define WORDS_MAX 64 /* of a command */

/* --- the commands --- */

static const struct {
    const char *name;
    bool mapping; /* else text */
    bool passed;  /* an option of sbatch, too */
} options[] = {
    {"partition", false, true},   {"account", false, true},    {"qos", false, true},
    {"reservation", false, true}, {"constraint", false, true}, {"conf", false, false},
    {"gres", true, false},        {"job-user", false, false},  {"cgroup", false, false},
    {"disk", false, false},
};

static int check_config(const struct call *call, struct err *err)
{
    const char *key;
    json_t *v;
    json_object_foreach (call->config, key, v) {
        size_t i = 0;
        while (i < COUNT(options) && !str_same(options[i].name, key))
            i++;
        if (i == COUNT(options))
            return err_set(err, CODE_CONFIG, "driver-options: slurm knows no \"%s\"", key);
        if (options[i].mapping ? !json_is_object(v) : !json_is_string(v))
            return err_set(err, CODE_CONFIG, "driver-options: expected %s to be %s", key,
                           options[i].mapping ? "a mapping" : "a string");
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

/* All jobs of this user, those that ended a while ago too: one question, however many lines ask.
 * What was known stays when there is no answer. */
static int queue_read(struct queue *queue, const struct call *call, struct err *err)
{
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    strs_add(&words, "squeue");
    strs_add(&words, "--noheader");
    strs_add(&words, "--states=all");
    strs_add(&words, "--all"); /* of hidden partitions, too */
    strs_print(&words, "--user=%u", (unsigned)getuid());
    strs_add(&words, "--format=%i|%T|%e|%j|%r");
    if (slurm_run(&s, &words, call, err) < 0)
        return -1;
    char *row, *rest = s.out.bytes;
    queue_fini(queue);
    while ((row = strsep(&rest, "\n")))
        add_row(queue, row);
    return 0;
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
    {"REVOKED", GOES_ON, "queued", NULL, NULL}, /* another cluster of the federation has it */
    {"COMPLETED", HAS_ENDED, "failed", "internal",
     "the batch script ended, and the supervisor left no record: do the nodes see this directory?"},
    {"FAILED", HAS_ENDED, "failed", "internal",
     "the batch script failed before the program was started: is execdm installed on the nodes?"},
    {"CANCELLED", HAS_ENDED, "cancelled", "killed", "somebody cancelled it in Slurm"},
    {"TIMEOUT", HAS_ENDED, "failed", "timelimit", "Slurm ended it at its time limit"},
    {"OUT_OF_MEMORY", HAS_ENDED, "failed", "memlimit", "Slurm ended it at its memory limit"},
    {"DEADLINE", HAS_ENDED, "cancelled", "startwindow",
     "it was still queued in Slurm when its start window closed"},
    {"NODE_FAIL", IS_LOST, "lost", "nodefail", "the node failed"},
    {"BOOT_FAIL", IS_LOST, "lost", "nodefail", "the node did not boot"},
    {"PREEMPTED", IS_LOST, "lost", "preempted", "it had to make room for another job"},
};

/* Reasons of PENDING that mean: it will not start by itself. */
static bool is_held(const struct seen *seen)
{
    return str_same(seen->state, "PENDING") && str_begins(seen->why, "JobHeld");
}

static size_t row_of(const char *state)
{
    size_t i = 0;
    while (i < COUNT(states) && !str_same(states[i].word, state))
        i++;
    return i;
}

static bool is_over(const struct seen *seen)
{
    const size_t i = row_of(seen->state);
    return i < COUNT(states) && states[i].meaning != GOES_ON;
}

/* The one with the line's stamp: there is one, but for an sbatch whose answer was lost. Then it is
 * the one that is not at its end, for only one of them can have taken the fence. */
static const struct seen *queue_find(const struct queue *q, const json_t *line)
{
    const char *stamp = json_text(line, "stamp"), *native = json_text(line, "native");
    const struct seen *found = NULL;
    for (size_t i = 0; i < q->n; i++) {
        const struct seen *one = &q->list[i];
        if (!str_same(one->stamp, stamp))
            continue;
        if (!found || (is_over(found) && !is_over(one)) ||
            (is_over(found) == is_over(one) && str_same(one->id, native)))
            found = one;
    }
    return found;
}

static void tell_row(json_t *reply, size_t row)
{
    json_object_set_new(reply, "state", json_string(states[row].state));
    if (states[row].reason)
        json_object_set_new(reply, "reason", json_string(states[row].reason));
    if (states[row].message)
        json_object_set_new(reply, "message", json_string(states[row].message));
}

/* An end is believed when no supervisor lives any more, and one that should have left a record had
 * time to. */
static bool is_settled(const json_t *line, const struct seen *seen, size_t row)
{
    if (attempt_alive(line))
        return false;
    return !str_same(states[row].reason, "internal") || seen->end == 0 ||
           clock_ms() / 1000 - seen->end > SETTLE_S;
}

static void tell_seen(json_t *reply, const json_t *line, const struct seen *seen)
{
    const size_t row = row_of(seen->state);
    json_object_set_new(reply, "source", json_string("squeue"));
    json_object_set_new(reply, "raw", json_sprintf("%s %s", seen->state, seen->why));
    if (row == COUNT(states))
        json_object_set_new(reply, "state", json_string("unknown"));
    else if (is_held(seen))
        json_object_set_new(reply, "state", json_string("held"));
    else if (states[row].meaning == GOES_ON || is_settled(line, seen, row))
        tell_row(reply, row);
    else
        json_object_set_new(reply, "state", json_string("finishing"));
}

/* The record says that somebody killed the program. Slurm knows why: its limits, a node that fails,
 * a job that goes first. False: not yet. */
static bool tell_killer(json_t *reply, const struct seen *seen)
{
    static const char *const words[] = {"TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED"};
    const char *reason = json_text(reply, "reason");
    const bool killed = str_same(reason, "killed") || str_same(reason, "internal") ||
                        json_int(reply, "signal", 0) == SIGKILL;
    if (!killed || !seen)
        return true;
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_same(words[i], seen->state))
            tell_row(reply, row_of(seen->state));
    return is_over(seen);
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

/* Has the start window closed? It is in a file of its own: call.json is gone when it is read. */
static bool is_late(const json_t *line)
{
    char text[WHEN_TEXT] = "";
    struct when w;
    const char *why;
    own(str_fini) char *path = attempt_file(line, "not_after");
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || when_parse(text, &w, NULL, &why) < 0)
        return false;
    return clock_ms() > when_to_ms(w);
}

/* Did the attempt never begin, and never will, for nobody can take the fence any more? */
static bool will_never_begin(const json_t *line)
{
    own(str_fini) char *control = attempt_file(line, "control");
    return attempt_forestall(line) ||
           (attempt_whose(line) == OURS && control && !path_exists(control));
}

/* Was it given to Slurm, which does not know it any more? Its fence is taken: should it still be
 * somewhere, it runs nothing. */
static void tell_absent(json_t *reply, const json_t *line)
{
    own(str_fini) char *id = noted_id(line);
    const bool never = id && will_never_begin(line);
    const char *state = "unknown";
    json_object_set_new(reply, "source", json_string("squeue"));
    if (never && is_late(line)) {
        tell_row(reply, row_of("DEADLINE"));
        return;
    }
    if (never || attempt_whose(line) == OURS)
        state = attempt_alive(line) ? "running" : "lost";
    json_object_set_new(reply, "state", json_string(state));
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
    struct err ignored = {0};
    if (!str_same(seen->state, "PENDING") || !is_late(line) || !will_never_begin(line))
        return false;
    control(words, seen->id, call, &ignored);
    return true;
}

static json_t *status(const json_t *line, struct cluster *c)
{
    json_t *reply = attempt_reply(line);
    const struct seen *seen = queue_find(&c->queue, line);
    if (attempt_ended(line, reply)) {
        if (tell_killer(reply, seen))
            return reply;
        json_decref(reply);
        reply = attempt_reply(line);
    }
    if (seen && missed_window(line, seen, c->call))
        tell_row(reply, row_of("DEADLINE"));
    else if (seen)
        tell_seen(reply, line, seen);
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
    const char *end = json_text(line, "not_after");
    own(str_fini) char *window = attempt_file(line, "not_after");
    if (end && path_write(window, end, strlen(end), 0600, err) < 0)
        return -1;
    return path_write(path, b.bytes, b.len, 0600, err); /* `attend` removes it */
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

/* Of a file name Slurm takes what follows a % for a word of its own. The caller frees. */
static char *log_pattern(const json_t *line)
{
    struct buf b = {0};
    own(str_fini) char *log = attempt_file(line, "slurm.log");
    for (const char *c = log; *c; c++) {
        if (*c == '%')
            buf_char(&b, '%');
        buf_char(&b, *c);
    }
    return buf_take(&b);
}

static int submit_words(struct strs *words, const json_t *line, const struct call *call,
                        struct err *err)
{
    const json_t *limits = json_object_get(line, "limits");
    const int64_t cores = json_int(limits, "cores", 0), memory = json_int(limits, "memory", 0);
    const int64_t wall = json_int(limits, "wall", 0), minutes = (wall + 59) / 60 + SLACK_MIN;
    own(str_fini) char *output = log_pattern(line);
    strs_add(words, "sbatch");
    strs_add(words, "--parsable");
    strs_add(words, "--no-requeue"); /* what is tried again, and how often, is the worker's */
    strs_add(words, "--export=NONE");
    strs_add(words, "--nodes=1");
    strs_add(words, "--ntasks=1");
    strs_add(words, "--chdir=/");
    strs_add(words, "--input=/dev/null");
    strs_print(words, "--output=%s", output);
    strs_print(words, "--job-name=%s", json_text(line, "stamp"));
    if (cores > 0)
        strs_print(words, "--cpus-per-task=%d", (int)((cores + 999) / 1000));
    if (memory > 0)
        strs_print(words, "--mem=%dM", (int)((memory + (1 << 20) - 1) >> 20) + SLACK_MIB);
    if (wall > 0)
        strs_print(words, "--time=%d", (int)minutes);
    add_moment(words, "--begin", line, "not_before", 0);
    add_moment(words, "--deadline", line, "not_after", minutes * 60); /* Slurm's bounds the end */
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].passed && json_text(call->config, options[i].name))
            strs_print(words, "--%s=%s", options[i].name, json_text(call->config, options[i].name));
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

/* "ID" or "ID;CLUSTER" is the last line. The caller frees; NULL: it is something else. */
static char *id_of(const struct buf *out)
{
    const char *line = out->bytes ? out->bytes : "";
    for (const char *end; (end = strchr(line, '\n')) && end[1];)
        line = end + 1;
    const size_t n = strspn(line, "0123456789");
    return n && strchr(";\n", line[n]) ? str_print("%.*s", (int)n, line) : NULL;
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
    if (turn < 0) {
        err_sys(&err, "cannot lock the directory of the attempt");
        return reply_error(line, "temporary", &err);
    }
    if (!script) {
        err_set(&err, CODE_UNAVAIL, "execdm-driver-local is not installed beside the driver");
        return reply_error(line, "permanent", &err);
    }
    if (submit_words(&words, line, c->call, &err) < 0)
        return reply_error(line, "permanent", &err);
    if (write_call(line, c->call, &err) < 0)
        return reply_error(line, "temporary", &err);
    s.input = script;
    if (slurm_run(&s, &words, c->call, &err) < 0)
        return reply_error(line, is_refusal(err.text) ? "permanent" : "unavailable", &err);
    own(str_fini) char *id = id_of(&s.out);
    if (!id) {
        err_set(&err, CODE_PROTO, "sbatch: expected the id of a job, found %.100s", s.out.bytes);
        return reply_error(line, "temporary", &err);
    }
    path_write(note, id, strlen(id), 0600, &err); /* without it there is still the stamp */
    return submitted(line, id);
}

/* What Slurm knows by the stamp, the one that runs first; else what it has forgotten, but began. */
static json_t *find(const json_t *line, struct cluster *c)
{
    json_t *natives = json_array();
    json_t *reply = attempt_reply(line);
    const struct seen *seen = queue_find(&c->queue, line);
    own(str_fini) char *noted = noted_id(line);
    if (seen)
        json_array_append_new(natives, json_string(seen->id));
    else if (attempt_whose(line) == OURS)
        json_array_append_new(natives, json_string(noted ? noted : json_text(line, "stamp")));
    json_object_set_new(reply, "natives", natives);
    json_object_set_new(reply, "end", json_true());
    json_object_set_new(reply, "complete", json_boolean(attempt_whose(line) != UNREADABLE));
    return reply;
}

/* All jobs of the stamp are asked to end: by the supervisor, and after a while by Slurm. False when
 * it could not be asked. */
static bool ask_to_end(const json_t *line, const struct cluster *c, bool kindly, struct err *err)
{
    static const char *const kind[] = {"scancel", "--quiet", "--batch", "--signal=TERM", NULL};
    static const char *const plain[] = {"scancel", "--quiet", NULL};
    for (size_t i = 0; i < c->queue.n; i++) {
        const struct seen *one = &c->queue.list[i];
        const bool runs = str_same(one->state, "RUNNING");
        if (str_same(one->stamp, json_text(line, "stamp")) && !is_over(one) &&
            control(kindly && runs ? kind : plain, one->id, c->call, err) < 0)
            return false;
    }
    return true;
}

/* Asked to end, and waited for: only when Slurm is done with it, and no supervisor has its lock, is
 * nothing left. */
static json_t *cancel(const json_t *line, struct cluster *c)
{
    const int64_t begin = clock_boot(), deadline = begin + (c->call->deadline_s - 2) * 1000;
    struct err err = {0};
    const bool never = attempt_forestall(line);
    const struct seen *seen = queue_find(&c->queue, line);
    int64_t pause = 100, next = 0;
    for (bool kindly = true; seen && !is_over(seen) && clock_boot() < deadline;) {
        if (clock_boot() >= next && !ask_to_end(line, c, kindly, &err))
            return reply_error(line, "unavailable", &err);
        if (clock_boot() >= next) {
            next = begin + GRACE_S * 1000;
            if (clock_boot() >= next)
                next = INT64_MAX;
        }
        usleep((useconds_t)pause * 1000);
        pause = pause < 1600 ? 2 * pause : pause;
        kindly = clock_boot() < begin + GRACE_S * 1000;
        if (queue_read(&c->queue, c->call, &err) < 0)
            return reply_error(line, "unavailable", &err);
        seen = queue_find(&c->queue, line);
    }
    if ((seen && !is_over(seen)) || attempt_alive(line)) {
        err_set(&err, CODE_TEMP, "the job is still ending in Slurm (%s)",
                seen ? seen->state : "which has forgotten it");
        return reply_error(line, "temporary", &err);
    }
    json_t *reply = status(line, c);
    if (never)
        json_object_set_new(reply, "state", json_string("cancelled"));
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static json_t *pause_job(const json_t *line, struct cluster *c, const char *word,
                         const char *wanted)
{
    const char *const words[] = {"scontrol", word, NULL};
    struct err err = {0};
    const struct seen *seen = queue_find(&c->queue, line);
    if (!seen || (!str_same(seen->state, "RUNNING") && !str_same(seen->state, "SUSPENDED"))) {
        err_set(&err, CODE_CONFLICT, "the program does not run");
        return reply_error(line, "conflict", &err);
    }
    if (!str_same(seen->state, wanted)) {
        if (control(words, seen->id, c->call, &err) < 0) /* only operators may, in most clusters */
            return reply_error(line, strstr(err.text, "denied") ? "unsupported" : "unavailable",
                               &err);
        if (queue_read(&c->queue, c->call, &err) < 0)
            return reply_error(line, "unavailable", &err);
    }
    json_t *reply = status(line, c);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static json_t *suspend(const json_t *line, struct cluster *c)
{
    return pause_job(line, c, "suspend", "SUSPENDED");
}

static json_t *resume(const json_t *line, struct cluster *c)
{
    return pause_job(line, c, "resume", "RUNNING");
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
