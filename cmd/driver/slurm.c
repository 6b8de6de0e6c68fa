/* execdm-driver-slurm: runs jobs on a cluster of Slurm's.
 *
 * A job is a batch script whose only command is `execdm-driver-local attend`: on the node there is
 * the same supervisor, the same isolation and the same record as on this machine. The job's name is
 * the stamp, which is the identity: ids are given out again after a controller lost its state. The
 * fence in the attempt's directory keeps a second job of the same stamp from running anything. */
#include "attempt.h"
#include "cli/prog.h"
#include "host/clock.h"
#include "slurm.h"

#define GRACE_S 8    /* for the supervisor, before Slurm kills */
#define WORDS_MAX 64 /* of a command */

static const struct {
    const char *name;
    bool mapping; /* else text */
    bool passed;  /* an option of sbatch, too */
    bool words;   /* or a list */
} options[] = {
    {"partition", .passed = true},
    {"account", .passed = true},
    {"qos", .passed = true},
    {"reservation", .passed = true},
    {"constraint", .passed = true},
    {.name = "conf"},
    {"gres", .mapping = true},
    {.name = "job-user"},
    {.name = "isolation"},
    {"command", .words = true},
    {"enforced", .words = true},
    {.name = "runtime"},
    {.name = "cgroup"},
    {.name = "disk"},
    {.name = "wheels"},
    {"devices", .mapping = true},
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
        if (options[i].words && json_is_array(v))
            continue;
        if (options[i].mapping ? !json_is_object(v) : !json_is_string(v))
            return err_set(err, CODE_CONFIG, "driver-options: expected %s to be %s", key,
                           options[i].mapping ? "a mapping" : "a string");
    }
    if (json_text(call->config, "conf"))
        setenv("SLURM_CONF", json_text(call->config, "conf"), 1);
    return 0;
}

int slurm_run(struct spawn *s, const struct strs *words, const struct call *call, struct err *err)
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
    const int64_t left = call->begun + (call->deadline_s - 1) * 1000 - clock_boot();
    s->deadline_ms = left > 1000 ? (int)left : 1000;
    const int rc = spawn_run(s, err);
    s->argv = NULL;
    if (rc == 0)
        return 0;
    if (rc > 0)
        err_set(err, CODE_UNAVAIL, "%s: %s", words->list[0], spawn_last_error(s));
    return -1;
}

int slurm_control(const char *const words[], const char *id, const struct call *call,
                  struct err *err)
{
    own(strs_fini) struct strs list = {0};
    own(spawn_fini) struct spawn s = {0};
    for (size_t i = 0; words[i]; i++)
        strs_add(&list, words[i]);
    strs_add(&list, id);
    return slurm_run(&s, &list, call, err);
}

void slurm_options(struct strs *words, const json_t *config)
{
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].passed && json_text(config, options[i].name))
            strs_print(words, "--%s=%s", options[i].name, json_text(config, options[i].name));
}

/* What Slurm knows by the stamp, the one that runs first; else what it has forgotten, but began. */
static json_t *find(const json_t *line, struct cluster *c)
{
    json_t *natives = json_array();
    json_t *reply = attempt_reply(line);
    const struct seen *seen = cluster_find(c, line);
    own(str_fini) char *noted = slurm_noted_id(line);
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
 * one could not be asked; or it has just ended, which scancel refuses, too: see what squeue says
 * next. */
static bool ask_to_end(const json_t *line, const struct cluster *c, bool kindly, struct err *err)
{
    static const char *const kind[] = {"scancel", "--batch", "--signal=TERM", NULL};
    static const char *const plain[] = {"scancel", "--quiet", NULL};
    bool asked = true;
    for (size_t i = 0; i < c->now.n; i++) {
        const struct seen *one = &c->now.list[i];
        const bool runs = str_same(one->state, "RUNNING");
        if (str_same(one->stamp, json_text(line, "stamp")) && !seen_is_over(one) &&
            slurm_control(kindly && runs ? kind : plain, one->id, c->call, err) < 0)
            asked = false;
    }
    return asked;
}

/* Does nobody have to be asked? Its record says all there is to say, and its supervisor is gone. */
static bool is_surely_gone(const json_t *line)
{
    return !attempt_alive(line) && slurm_is_told(line);
}

/* Is nothing of it left? Else that is so when no supervisor has its lock, and Slurm is done with
 * it. */
static bool is_gone(const json_t *line, const struct cluster *c)
{
    const struct seen *seen = cluster_find(c, line);
    return is_surely_gone(line) || (!attempt_alive(line) && (!seen || seen_is_over(seen)));
}

/* Asked to end, and waited for. Slurm may refuse or not answer for a while: it is asked again as
 * long as there is time, and what its last answer was is told then. */
static json_t *cancel(const json_t *line, struct cluster *c)
{
    const int64_t deadline = c->call->begun + (c->call->deadline_s - 2) * 1000;
    struct err err = {0};
    const bool never = attempt_forestall(line);
    int64_t due = 0, pause = 100, left;
    for (int asked = 0; !is_gone(line, c);) {
        err = (struct err){0};
        if (asked < 2 && clock_boot() >= due && !slurm_is_told(line) &&
            ask_to_end(line, c, asked == 0, &err)) {
            due = clock_boot() + GRACE_S * 1000;
            asked++;
        }
        if ((left = deadline - clock_boot()) <= 0)
            break;
        usleep((useconds_t)(left < pause ? left : pause) * 1000);
        pause = pause < 1600 ? 2 * pause : pause;
        cluster_read(c, &err); /* what is known stays when there is no answer */
    }
    if (!is_gone(line, c)) {
        const struct seen *seen = cluster_find(c, line);
        if (err.code)
            return reply_error(line, "unavailable", &err);
        err_set(&err, CODE_TEMP, "the job is still ending in Slurm (%s)",
                seen ? seen->state : "which has forgotten it");
        return reply_error(line, "temporary", &err);
    }
    json_t *reply = slurm_status(line, c);
    if (never || str_same(json_text(reply, "state"), "lost"))
        json_object_set_new(reply, "state", json_string("cancelled"));
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static json_t *pause_job(const json_t *line, struct cluster *c, const char *word,
                         const char *wanted)
{
    const char *const words[] = {"scontrol", word, NULL};
    struct err err = {0};
    const struct seen *seen = cluster_find(c, line);
    if (!seen || (!str_same(seen->state, "RUNNING") && !str_same(seen->state, "SUSPENDED"))) {
        err_set(&err, CODE_CONFLICT, "the program does not run");
        return reply_error(line, "conflict", &err);
    }
    if (!str_same(seen->state, wanted)) {
        if (slurm_control(words, seen->id, c->call, &err) < 0) {
            /* only operators may, in most clusters */
            const bool denied = strstr(err.text, "denied") != NULL;
            return reply_error(line, denied ? "unsupported" : "unavailable", &err);
        }
        if (cluster_read(c, &err) < 0)
            return reply_error(line, "unavailable", &err);
    }
    json_t *reply = slurm_status(line, c);
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

/* Slurm forgets by itself; the files go with the job's directory, and what is left of a container
 * with the next that comes to its node. */
static json_t *purge(const json_t *line, struct cluster *c)
{
    (void)c;
    attempt_tidy(line);
    json_t *reply = attempt_reply(line);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

static bool always(const json_t *line)
{
    (void)line;
    return true;
}

static const struct {
    const char *name;
    json_t *(*answer)(const json_t *line, struct cluster *c);
    bool (*alone)(const json_t *line); /* may it be answered without Slurm? NULL: never */
} verbs[] = {
    {"probe", slurm_probe, NULL},       {"submit", slurm_submit, NULL},
    {"status", slurm_status, NULL},     {"find", find, NULL},
    {"cancel", cancel, is_surely_gone}, {"purge", purge, always},
    {"suspend", suspend, NULL},         {"resume", resume, NULL},
};

static bool needs_cluster(size_t verb, const json_t *lines)
{
    size_t i;
    json_t *line;
    if (!verbs[verb].alone)
        return true;
    json_array_foreach (lines, i, line)
        if (!verbs[verb].alone(line))
            return true;
    return false;
}

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
    if (needs_cluster(v, call.lines) && cluster_read(&c, err) < 0)
        return -1;
    json_array_foreach (call.lines, i, line)
        reply_add(out, verbs[v].answer(line, &c));
    cluster_fini(&c);
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
