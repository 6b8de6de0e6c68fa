#include "host/credential.h"
#include "host/spawn.h"
#include "host/stager.h"
#include "text/write.h"

static void append_to(json_t *map, const char *id, json_t *value)
{
    json_t *list = json_object_get(map, id);
    if (!list) {
        list = json_array();
        json_object_set_new(map, id, list);
    }
    json_array_append(list, value);
}

static void on_line(void *context, const char *line, size_t len)
{
    struct stager *s = context;
    own(json_fini) json_t *j = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const char *id = json_text(j, "id"), *event = json_text(j, "event");
    if (!id)
        return;
    if (str_same(event, "progress")) {
        if (s->progress)
            s->progress(s->context, id, json_int(j, "bytes", 0), json_int(j, "total", -1));
        return;
    }
    if (event)
        append_to(str_same(event, "file") ? s->files : s->warnings, id, j);
    else
        json_object_set(s->results, id, j);
}

static bool on_stop(void *context)
{
    struct stager *s = context;
    return s->stop && s->stop(s->context);
}

/* Is somebody else asked for something? What is all on this machine needs no credential. */
static bool is_outside(const json_t *line)
{
    const char *const ends[] = {json_text(line, "source"), json_text(line, "dest")};
    for (size_t i = 0; i < COUNT(ends); i++)
        if (ends[i] && !str_begins(ends[i], "file:"))
            return true;
    return false;
}

/* The manifest, and what the stager reads from descriptor 3 beside it; and which one can do it. */
static int write_manifest(const struct stager *s, json_t *lines, struct buf *manifest,
                          char **secret, const char **program, struct err *err)
{
    size_t i;
    json_t *line;
    bool outside = false, unpacks = false;
    json_array_foreach (lines, i, line) {
        outside |= is_outside(line);
        unpacks |= json_object_get(line, "unpack") != NULL;
    }
    *program = outside || unpacks ? "execdm-stage" : "execdm-stage-files";
    if (outside && credentials_of(s->identity, secret, err) < 0)
        return -1;
    json_array_foreach (lines, i, line) {
        own(json_fini) json_t *full = json_copy(line);
        if (*secret)
            json_object_set_new(full, "credential", json_integer(SPAWN_SECRET));
        if (!account_is(s->identity))
            json_object_set_new(full, "own", json_false());
        write_json(manifest, full, 0);
        buf_char(manifest, '\n');
    }
    return 0;
}

int stager_run(struct stager *s, json_t *lines, struct err *err)
{
    s->results = json_object();
    s->files = json_object();
    s->warnings = json_object();
    if (json_array_size(lines) == 0)
        return 0;
    own(buf_fini) struct buf manifest = {0};
    own(str_fini) char *secret = NULL;
    const char *program;
    size_t i;
    json_t *line;
    if (write_manifest(s, lines, &manifest, &secret, &program, err) < 0)
        return -1;
    own(str_fini) char *path = spawn_find_program(program);
    if (!path)
        return err_set(err, CODE_UNAVAIL, "%s is not installed beside this program", program);
    char *argv[] = {path, NULL};
    own(spawn_fini) struct spawn run = {.argv = argv,
                                        .input = manifest.bytes,
                                        .secret = secret,
                                        .on_line = on_line,
                                        .stop = on_stop,
                                        .context = s};
    int rc = spawn_run(&run, err);
    if (rc < 0)
        return -1;
    s->stopped = run.stopped;
    if (run.stopped)
        return err_set(err, CODE_TEMP, "the transfers were stopped");
    json_array_foreach (lines, i, line)
        if (!json_object_get(s->results, json_text(line, "id")))
            return err_set(err, CODE_PROTO,
                           "execdm-stage ended with %d "
                           "and said nothing about %s: %s",
                           rc, json_text(line, "id"), spawn_last_error(&run));
    return 0;
}

void stager_fini(struct stager *s)
{
    json_decref(s->results);
    json_decref(s->files);
    json_decref(s->warnings);
    s->results = s->files = s->warnings = NULL;
}

json_t *stager_failure(const struct stager *s, json_t *lines, const char **id)
{
    size_t i;
    json_t *line;
    json_array_foreach (lines, i, line) {
        json_t *result = json_object_get(s->results, json_text(line, "id"));
        if (str_same(json_text(result, "state"), "done"))
            continue;
        *id = json_text(line, "id");
        return result;
    }
    return NULL;
}
