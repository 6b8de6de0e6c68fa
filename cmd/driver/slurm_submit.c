#include <fcntl.h>
#include "attempt.h"
#include "host/lock.h"
#include "host/path.h"
#include "slurm.h"
#include "text/when.h"
#include "text/write.h"

#define SLACK_MIN 1 /* Slurm's limit lies so much beyond ours, which tells more about the end */

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
        strs_print(words, "--mem=%dM", (int)((memory + (1 << 20) - 1) >> 20) + SLURM_OWN_MIB);
    if (wall > 0)
        strs_print(words, "--time=%d", (int)minutes);
    add_moment(words, "--begin", line, "not_before", 0);
    add_moment(words, "--deadline", line, "not_after", minutes * 60); /* Slurm's bounds the end */
    slurm_options(words, call->config);
    return add_gres(words, limits, call->config, err);
}

static json_t *submitted(const json_t *line, const char *id)
{
    json_t *reply = attempt_reply(line);
    json_object_set_new(reply, "native", json_string(id));
    json_object_set_new(reply, "state", json_string("queued"));
    return reply;
}

/* Slurm refused the job itself, and will the next time: these are its words for that. Others, of a
 * limit on jobs, a partition that is closed or a daemon that is away, may be other words tomorrow.
 */
static bool is_refusal(const char *text)
{
    static const char *const words[] = {
        "Access denied to requested reservation",
        "Invalid account",
        "Invalid feature specification",
        "Invalid generic resource",
        "Invalid partition",
        "Invalid qos",
        "Memory required by task is not available",
        "More processors requested than permitted",
        "Requested node configuration is not available",
        "Requested reservation is invalid",
        "Requested time limit is invalid",
        "User's group not permitted",
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasestr(text, words[i]))
            return true;
    return false;
}

/* One submit of an attempt at a time; the next one looks anew, and finds the id. A descriptor, or
 * -1. */
static int take_turn(const json_t *line, struct cluster *c)
{
    struct err ignored;
    bool waited = false;
    own(str_fini) char *path = attempt_file(line, "submitting");
    const int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    for (; fd >= 0 && lock_try(fd) == 0; waited = true)
        usleep(20000); /* the caller's deadline ends it */
    if (waited)
        cluster_read(c, &ignored);
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

json_t *slurm_submit(const json_t *line, struct cluster *c)
{
    struct err err = {0};
    own(fd_fini) int turn = take_turn(line, c);
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    const struct seen *seen = cluster_find(c, line);
    own(str_fini) char *noted = slurm_noted_id(line);
    if (seen || noted)
        return submitted(line, seen ? seen->id : noted);
    own(str_fini) char *note = attempt_file(line, "slurm");
    if (!json_text(line, "stamp") || !note) {
        err_set(&err, CODE_PROTO, "submit: stamp and exitfile, with its directory, are needed");
        return reply_error(line, "permanent", &err);
    }
    own(str_fini) char *script = script_of(line);
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
    /* Without the note the next submit finds it by its stamp. */
    if (path_write(note, id, strlen(id), 0600, &err) < 0)
        return reply_error(line, "temporary", &err);
    return submitted(line, id);
}
