/* The worker's way to ask: JSON Lines in, JSON Lines out. */
#include "stager.h"
#include "cli/prog.h"
#include "text/doc.h"
#include "text/write.h"

#define PROGRESS_NS (200 * 1000 * 1000) /* at most five a second */

struct line {
    json_t *doc;
    char *checksum;
    struct item item;
};

struct manifest {
    struct line *lines;
    size_t n;
    struct err *err;      /* why nobody could be told */
    bool lost;            /* nobody listens */
    const char *id;       /* of the line under way */
    struct timespec last; /* when progress was told */
};

static void manifest_fini(struct manifest *m)
{
    for (size_t i = 0; i < m->n; i++) {
        json_decref(m->lines[i].doc);
        free(m->lines[i].checksum);
    }
    free(m->lines);
}

/* --- in --- */

enum field {
    FIELD_ID,
    FIELD_SOURCE,
    FIELD_DEST,
    FIELD_DIRECTION,
    FIELD_MODE,
    FIELD_TYPE,
    FIELD_SIZE,
    FIELD_CHECKSUM,
    FIELD_UNPACK,
    FIELDS,
};

static const struct {
    const char *name, *expected;
} fields[FIELDS] = {
    [FIELD_ID] = {"id", "a string"},
    [FIELD_SOURCE] = {"source", "a URL"},
    [FIELD_DEST] = {"dest", "a URL"},
    [FIELD_DIRECTION] = {"direction", "pull, push or check"},
    [FIELD_MODE] = {"mode", "r or rw"},
    [FIELD_TYPE] = {"type", "file or directory"},
    [FIELD_SIZE] = {"size", "a number of bytes"},
    [FIELD_CHECKSUM] = {"checksum", "sha256: and 64 hex digits, or md5: and 32"},
    [FIELD_UNPACK] = {"unpack", "true or false"},
};

/* The place of `text` in a list, or -1. */
static int choice(const char *text, const char *const list[], int n)
{
    for (int i = 0; text && i < n; i++)
        if (str_same(text, list[i]))
            return i;
    return -1;
}

static bool take_field(struct line *l, enum field field, const json_t *value)
{
    static const char *const directions[] = {"pull", "push", "check"};
    static const char *const modes[] = {"r", "rw"};
    static const char *const types[] = {"", "file", "directory"};
    struct item *item = &l->item;
    const char *text = json_string_value(value);
    int at;
    switch (field) {
    case FIELD_SOURCE:
        return (item->source = text) != NULL;
    case FIELD_DEST:
        return (item->dest = text) != NULL;
    case FIELD_DIRECTION:
        at = choice(text, directions, COUNT(directions));
        item->direction = at < 0 ? DIRECTION_PULL : (enum direction)at;
        return at >= 0;
    case FIELD_MODE:
        at = choice(text, modes, COUNT(modes));
        item->write = at == 1;
        return at >= 0;
    case FIELD_TYPE:
        at = choice(text, types, COUNT(types));
        item->type = at > 0 ? (enum kind)at : KIND_UNKNOWN;
        return at > 0;
    case FIELD_SIZE:
        item->size = json_integer_value(value);
        return json_is_integer(value) && item->size >= 0;
    case FIELD_CHECKSUM:
        item->checksum = l->checksum = text ? checksum_parse(text) : NULL;
        return l->checksum != NULL;
    case FIELD_UNPACK:
        item->unpack = json_is_true(value);
        return json_is_boolean(value);
    default:
        return text != NULL;
    }
}

static int check_whole(const struct line *l, struct err *err)
{
    const struct item *item = &l->item;
    if (!json_object_get(l->doc, "id"))
        return err_set(err, CODE_DATA, "a manifest line needs an id");
    if (!json_object_get(l->doc, "direction"))
        return err_set(err, CODE_DATA, "a manifest line needs a direction: pull, push or check");
    if (item->direction == DIRECTION_CHECK ? !item->source && !item->dest
                                           : !item->source || !item->dest)
        return err_set(err, CODE_DATA, "a manifest line needs a source and a dest");
    if (item->unpack && item->direction == DIRECTION_PUSH)
        return err_set(err, CODE_DATA, "unpack is only for direction pull");
    return 0;
}

/* Fills the line; at names what is wrong. */
static int read_line(struct line *l, char at[64], struct err *err)
{
    const char *key;
    json_t *value;
    l->item = (struct item){.size = -1};
    if (!json_is_object(l->doc))
        return err_set(err, CODE_DATA, "expected an object, {\"id\":..., \"source\":..., ...}");
    json_object_foreach (l->doc, key, value) {
        int i = 0;
        while (i < FIELDS && !str_same(fields[i].name, key))
            i++;
        snprintf(at, 64, "/%.60s", key);
        if (i == FIELDS)
            return err_set(err, CODE_DATA, "unknown key \"%.60s\" in a manifest line", key);
        if (!take_field(l, (enum field)i, value))
            return err_set(err, CODE_DATA, "%s: expected %s", key, fields[i].expected);
    }
    at[0] = '\0';
    return check_whole(l, err);
}

/* All of it before anything is moved: a broken line must not leave half a job done. */
static int read_manifest(struct manifest *m, struct err *err)
{
    own(input_close) struct input in = {0};
    if (input_open(&in, NULL, err) < 0)
        return -1;
    for (;;) {
        json_t *doc = NULL;
        char at[64] = "";
        int rc = input_next(&in, &doc, err);
        if (rc <= 0)
            return rc;
        if ((m->n & (m->n + 1)) == 0)
            m->lines = mem_grow(m->lines, 2 * m->n + 2, sizeof(*m->lines));
        struct line *l = &m->lines[m->n++];
        *l = (struct line){.doc = doc};
        if (read_line(l, at, err) < 0) {
            unsigned line, column;
            input_locate(&in, m->n - 1, at, &line, &column);
            return err_at(err, in.name, line, column);
        }
    }
}

/* --- out --- */

/* A file's name is bytes; what is no UTF-8 becomes U+FFFD (the location has the bytes). */
static json_t *name_json(const char *name)
{
    json_t *text = json_string(name);
    if (text)
        return text;
    own(buf_fini) struct buf b = {0};
    for (const char *p = name; *p;) {
        size_t n = 1;
        json_t *one = NULL;
        for (; n <= 4 && strnlen(p, n) == n; n++)
            if ((one = json_stringn(p, n)))
                break;
        if (one)
            buf_add(&b, p, n);
        else
            buf_str(&b, "\xef\xbf\xbd");
        p += one ? n : 1;
        json_decref(one);
    }
    return json_string(b.bytes);
}

/* Takes the object, puts the id first. */
static int tell(struct manifest *m, json_t *rest)
{
    own(json_fini) json_t *object = json_pack("{s:s}", "id", m->id);
    own(buf_fini) struct buf out = {0};
    json_object_update(object, rest);
    json_decref(rest);
    write_json(&out, object, 0);
    buf_char(&out, '\n');
    if (!m->lost && prog_flush(&out, m->err) < 0)
        m->lost = true;
    return m->lost ? -1 : 0;
}

static json_t *count_json(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static int on_progress(void *self, int64_t bytes, int64_t total)
{
    struct manifest *m = self;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns =
        (int64_t)(now.tv_sec - m->last.tv_sec) * 1000000000 + now.tv_nsec - m->last.tv_nsec;
    if (ns < PROGRESS_NS)
        return 0;
    m->last = now;
    return tell(m, json_pack("{s:s,s:I,s:o}", "event", "progress", "bytes", (json_int_t)bytes,
                             "total", count_json(total)));
}

static int on_file(void *self, const struct moved *moved)
{
    return tell(self, json_pack("{s:s,s:o,s:o,s:I,s:s}", "event", "file", "name",
                                name_json(moved->name), "location", name_json(moved->location),
                                "size", (json_int_t)moved->size, "checksum", moved->checksum));
}

static int on_warning(void *self, const char *name, const char *text)
{
    return tell(self, json_pack("{s:s,s:o,s:o}", "event", "warning", "name", name_json(name),
                                "text", name_json(text)));
}

static int tell_done(struct manifest *m, const struct outcome *out)
{
    json_t *done = json_pack("{s:s}", "state", "done");
    if (out->kind)
        json_object_set_new(done, "type", json_string(kind_name(out->kind)));
    json_object_set_new(done, "bytes", count_json(out->bytes));
    json_object_set_new(done, "files", json_integer(out->files));
    if (out->checksum[0])
        json_object_set_new(done, "checksum", json_string(out->checksum));
    return tell(m, done);
}

static int tell_failed(struct manifest *m, const struct fault *f)
{
    return tell(m, json_pack("{s:s,s:{s:s,s:b,s:o}}", "state", "failed", "error", "reason",
                             fault_name(f), "transient", f->transient, "text", name_json(f->text)));
}

/* Returns what the exit code would be for this line alone. */
static int run_line(struct manifest *m, const struct line *l)
{
    const struct watcher watcher = {m, on_progress, on_file, on_warning};
    struct outcome out = {0};
    struct fault f = {0};
    m->id = json_string_value(json_object_get(l->doc, "id"));
    if (transfer_run(&l->item, &watcher, &out, &f) == 0) {
        tell_done(m, &out);
        return CODE_OK;
    }
    if (f.reason == REASON_STOPPED)
        return CODE_TEMP;
    tell_failed(m, &f);
    return f.reason == REASON_MISSING ? CODE_UNAVAIL : f.transient ? CODE_TEMP : CODE_NO;
}

int manifest_run(struct err *err)
{
    own(manifest_fini) struct manifest m = {.err = err};
    /* one that is worse hides one that is better: what time can mend, what it cannot, this build */
    static const int order[] = {CODE_OK, CODE_TEMP, CODE_NO, CODE_UNAVAIL};
    size_t worst = 0;
    if (read_manifest(&m, err) < 0)
        return -1;
    stager_catch();
    clock_gettime(CLOCK_MONOTONIC, &m.last);
    for (size_t i = 0; i < m.n && !m.lost && !stager_signal; i++) {
        int code = run_line(&m, &m.lines[i]);
        for (size_t k = worst; k < COUNT(order); k++)
            if (order[k] == code)
                worst = k;
    }
    stager_die();
    return m.lost ? -1 : order[worst];
}
