/* Slurm's words, and ours. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include "attempt.h"
#include "host/clock.h"
#include "host/path.h"
#include "slurm.h"
#include "text/doc.h"

#define SETTLE_S                                                                                   \
    90 /* so much later a record may be seen: network file systems keep what was not there */

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

bool seen_is_over(const struct seen *seen)
{
    const size_t i = row_of(seen->state);
    return i < COUNT(states) && states[i].meaning != GOES_ON;
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

/* Did the attempt never begin, and never will, for nobody can take the fence any more? */
static bool will_never_begin(const json_t *line)
{
    own(str_fini) char *control = attempt_file(line, "control");
    return attempt_forestall(line) ||
           (attempt_whose(line) == OURS && control && !path_exists(control));
}

/* Does Slurm give it no more work? It says so with a reason. */
static bool is_withdrawn(const char *node, const struct cluster *c)
{
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    struct err ignored = {0};
    strs_add(&words, "sinfo");
    strs_add(&words, "--noheader");
    strs_add(&words, "--all");
    strs_print(&words, "--nodes=%s", node);
    strs_add(&words, "--states=drain,draining,down,fail");
    strs_add(&words, "--format=%N");
    return slurm_run(&s, &words, c->call, &ignored) == 0 && s.out.len > 0;
}

/* Slurm cancels, too, what a node did not take, as one of an id that was given out once before its
 * controller lost its state; then it withdraws the node. */
static bool could_not_begin(const json_t *line, const struct seen *seen, const struct cluster *c)
{
    return str_same(seen->state, "CANCELLED") && *seen->node && will_never_begin(line) &&
           is_withdrawn(seen->node, c);
}

static void tell_lost(json_t *reply, const char *why)
{
    json_object_set_new(reply, "state", json_string("lost"));
    json_object_set_new(reply, "message", json_string(why));
}

static void tell_seen(json_t *reply, const json_t *line, const struct seen *seen,
                      const struct cluster *c)
{
    const size_t row = row_of(seen->state);
    json_object_set_new(reply, "source", json_string(seen->source));
    json_object_set_new(reply, "raw", json_sprintf("%s %s", seen->state, seen->why));
    if (row == COUNT(states))
        json_object_set_new(reply, "state", json_string("unknown"));
    else if (is_held(seen))
        json_object_set_new(reply, "state", json_string("held"));
    else if (states[row].meaning != GOES_ON && !is_settled(line, seen, row))
        json_object_set_new(reply, "state", json_string("finishing"));
    else if (could_not_begin(line, seen, c))
        tell_lost(reply, "Slurm could not start it on its node");
    else
        tell_row(reply, row);
}

/* Somebody killed the program, its record says. */
static bool is_killed(const json_t *record)
{
    const char *reason = json_text(record, "reason");
    const int64_t signal = json_int(record, "signal", 0);
    return str_same(reason, "killed") || str_same(reason, "internal") || signal == SIGKILL ||
           signal == SIGTERM;
}

/* Slurm knows why: its limits, a node that fails, a job that goes first. False: not yet. */
static bool tell_killer(json_t *reply, const json_t *line, struct cluster *c)
{
    static const char *const words[] = {"TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED",
                                        "CANCELLED"};
    const bool killed = is_killed(reply);
    const struct seen *seen = killed ? cluster_find(c, line) : NULL;
    if (killed && !seen)
        seen = cluster_recall(c, line);
    if (!seen)
        return true;
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_same(words[i], seen->state))
            tell_row(reply, row_of(seen->state));
    return seen_is_over(seen);
}

bool slurm_is_told(const json_t *line)
{
    own(json_fini) json_t *record = json_object();
    return attempt_ended(line, record) && !is_killed(record);
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

/* Has Slurm not known it for a while? A program that ended just then has its record, perhaps, where
 * a network file system does not show it yet. */
static bool is_long_gone(const json_t *line)
{
    own(str_fini) char *note = attempt_file(line, "absent");
    struct err ignored;
    struct stat st;
    if (stat(note, &st) == 0)
        return clock_ms() / 1000 - st.st_mtime > SETTLE_S;
    path_write(note, "", 0, 0600, &ignored);
    return false;
}

/* Was it given to Slurm, which does not know it any more? Its fence is taken: should it still be
 * somewhere, it runs nothing. */
static void tell_absent(json_t *reply, const json_t *line)
{
    own(str_fini) char *id = slurm_noted_id(line);
    const bool never = id && will_never_begin(line);
    const char *state = "unknown";
    json_object_set_new(reply, "source", json_string("squeue"));
    if (never && is_late(line)) {
        tell_row(reply, row_of("DEADLINE"));
        return;
    }
    if (never)
        state = "lost";
    else if (attempt_whose(line) == OURS)
        state = attempt_alive(line) ? "running" : is_long_gone(line) ? "lost" : "finishing";
    json_object_set_new(reply, "state", json_string(state));
    if (str_same(state, "lost"))
        tell_lost(reply, "Slurm does not know the job any more");
}

/* Slurm does not look at the deadline of a job that cannot run at all now, as when its partition is
 * down. Who takes the fence knows that it never will. */
static bool missed_window(const json_t *line, const struct seen *seen, const struct call *call)
{
    static const char *const words[] = {"scancel", "--quiet", "--state=PENDING", NULL};
    struct err ignored = {0};
    if (!str_same(seen->state, "PENDING") || !is_late(line) || !will_never_begin(line))
        return false;
    slurm_control(words, seen->id, call, &ignored);
    return true;
}

json_t *slurm_status(const json_t *line, struct cluster *c)
{
    struct err err = {0};
    json_t *reply = attempt_reply(line);
    if (attempt_ended(line, reply)) {
        if (tell_killer(reply, line, c))
            return reply;
        json_decref(reply);
        reply = attempt_reply(line);
    }
    const struct seen *seen = cluster_find(c, line);
    if (!seen)
        seen = cluster_recall(c, line);
    if (attempt_unsure(line, &err)) {
        json_decref(reply);
        return reply_error(line, "temporary", &err);
    }
    if (seen && missed_window(line, seen, c->call))
        tell_row(reply, row_of("DEADLINE"));
    else if (seen)
        tell_seen(reply, line, seen, c);
    else
        tell_absent(reply, line);
    if (json_object_get(reply, "reason") || str_same(json_text(reply, "state"), "lost"))
        attempt_tidy(line); /* which nobody will read any more */
    return reply;
}
