/* The canonical form: every sloppy form of the draft is read, noticed, and written one way
 * (model.md, EP-43, EP-44, EP-69, EP-6B). */
#include "model/check.h"
#include "text/buf.h"
#include "text/uri.h"
#include "text/when.h"

#define GENERIC_COMPUTE "https://www.purl.org/ivoa.net/resource-types/generic-compute"

static void notice(struct findings *f, const char *pointer, const char *fmt, ...) PRINTF(3, 4);

static void notice(struct findings *f, const char *pointer, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    finding_vadd(f, FINDING_NOTICE, "sloppy-form", pointer, fmt, ap);
    va_end(ap);
}

static bool is_null(const json_t *v)
{
    return json_is_null(v);
}

/* null stands for "not given" (the draft's own offer-002). */
static void drop_nulls(const struct model *m, json_t *v, struct pointer *at,
                       struct findings *findings)
{
    bool foreign = typed_foreign(m, v);
    size_t i;
    const char *key;
    json_t *item;
    void *next;
    json_object_foreach_safe (v, next, key, item) {
        if ((foreign && str_same(key, "spec")) || str_begins(key, "x-"))
            continue;
        size_t up = pointer_key(at, key);
        if (json_is_null(item)) {
            notice(findings, at->text, "%s: null is read as not given", key);
            json_object_del(v, key);
        } else {
            drop_nulls(m, item, at, findings);
        }
        pointer_up(at, up);
    }
    json_array_foreach (v, i, item) {
        size_t up = pointer_index(at, i);
        drop_nulls(m, item, at, findings);
        pointer_up(at, up);
    }
}

static bool is_spec_key(const char *key)
{
    static const char *const keys[] = {"mincores",  "maxcores", "minmemory",
                                       "maxmemory", "extras",   NULL};
    for (size_t i = 0; keys[i]; i++)
        if (str_same(keys[i], key))
            return true;
    return false;
}

/* Two spellings of one thing, of which none can be preferred; the one at `key` goes, being told. */
static void refuse_twice(json_t *object, const char *key, const char *pointer, const char *other,
                         struct findings *findings)
{
    finding_hint(finding_add(findings, FINDING_ERROR, "unknown-key", pointer,
                             "%s: given twice, here and %s", key, other),
                 "leave one of them out");
    json_object_del(object, key);
}

/* A bare {mincores: 2} gets its spec (EP-6B). */
static void canon_bare_spec(json_t *item, const char *pointer, struct moves *moves,
                            struct findings *findings)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe (item, next, key, value) {
        json_t *spec = json_object_get(item, "spec");
        if (!is_spec_key(key) || (spec && !json_is_object(spec)))
            continue;
        own(str_fini) char *to = str_print("%s/spec/%s", pointer, key);
        own(str_fini) char *from = str_print("%s/%s", pointer, key);
        if (json_object_get(spec, key)) {
            refuse_twice(item, key, from, "in spec", findings);
            continue;
        }
        if (!spec) {
            spec = json_object();
            json_object_set_new(item, "spec", spec);
        }
        notice(findings, from, "%s: read as part of spec (Planner 2.2.2)", key);
        moves_add(moves, to, from);
        json_object_set(spec, key, value);
        json_object_del(item, key);
    }
}

static void canon_volumes(const struct model *m, json_t *item, const char *pointer,
                          struct moves *moves, struct findings *findings)
{
    static const char *const modes[][2] = {
        {"ro", "r"}, {"READONLY", "r"}, {"READWRITE", "rw"}, {"read", "r"}};
    json_t *spec = json_object_get(item, "spec");
    json_t *inner = json_object_get(spec, "volumes");
    own(str_fini) char *place = str_print("%s/volumes", pointer);
    own(str_fini) char *from = str_print("%s/spec/volumes", pointer);
    if (inner && typed_own(m, item) && json_object_get(item, "volumes")) {
        refuse_twice(spec, "volumes", from, "beside spec", findings);
    } else if (inner && typed_own(m, item)) {
        notice(findings, from, "volumes: read as standing beside spec (Planner 2.2.3)");
        moves_add(moves, place, from);
        json_object_set(item, "volumes", inner);
        json_object_del(spec, "volumes");
    }
    size_t i;
    json_t *volume;
    json_array_foreach (json_object_get(item, "volumes"), i, volume) {
        const char *mode = json_text(volume, "mode");
        const char *name = json_text(volume, "name");
        own(str_fini) char *at = str_print("%s/%zu", place, i);
        if (!json_object_get(volume, "resource") && name && json_is_object(volume)) {
            notice(findings, at, "resource: not given, the storage called \"%s\" is meant", name);
            json_object_set_new(volume, "resource", json_string(name));
        }
        for (size_t k = 0; mode && k < COUNT(modes); k++) {
            if (!str_same(mode, modes[k][0]))
                continue;
            own(str_fini) char *here = str_print("%s/mode", at);
            notice(findings, here, "mode: \"%s\" is read as \"%s\"", modes[k][0], modes[k][1]);
            json_object_set_new(volume, "mode", json_string(modes[k][1]));
            break;
        }
    }
}

static void canon_compute(const struct model *m, json_t *doc, struct moves *moves,
                          struct findings *findings)
{
    json_t *resources = json_object_get(doc, "resources");
    json_t *compute = json_object_get(resources, "compute");
    if (json_is_object(compute)) {
        notice(findings, "/resources/compute", "compute: a mapping is read as a list of one");
        json_object_set_new(resources, "compute", json_pack("[O]", compute));
        moves_add(moves, "/resources/compute/0", "/resources/compute");
    }
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(resources, "compute"), i, item) {
        own(str_fini) char *pointer = str_print("/resources/compute/%zu", i);
        if (!json_is_object(item))
            continue;
        if (!typed_foreign(m, item))
            canon_bare_spec(item, pointer, moves, findings);
        canon_volumes(m, item, pointer, moves, findings);
        if (!json_object_get(item, "type"))
            json_object_set_new(item, "type", json_string(GENERIC_COMPUTE));
        if (!json_object_get(item, "name"))
            json_object_set_new(item, "name",
                                i ? json_sprintf("compute-%03zu", i + 1)
                                  : json_string("compute-001"));
    }
}

/* "A, B" is the list A,B: no blanks around its items. */
static void canon_list(json_t *object, const char *key, const char *pointer,
                       struct findings *findings)
{
    static const char blanks[] = " \t";
    const char *text = json_text(object, key);
    if (!text || !strpbrk(text, blanks))
        return;
    own(buf_fini) struct buf b = {0};
    for (const char *p = text;; p++) {
        p += strspn(p, blanks);
        const size_t whole = strcspn(p, ",");
        size_t n = whole;
        while (n && strchr(blanks, p[n - 1]))
            n--;
        buf_add(&b, p, n);
        p += whole;
        if (*p == '\0')
            break;
        buf_char(&b, ',');
    }
    if (str_same(text, b.bytes))
        return;
    notice(findings, pointer, "\"%s\" is read as %s", text, b.bytes);
    json_object_set_new(object, key, json_string(b.bytes));
}

/* `status` in a callout is `state` (EP-71, EP-80). */
static void canon_state(json_t *row, const char *at, struct moves *moves, struct findings *findings)
{
    own(str_fini) char *from = str_print("%s/status", at);
    own(str_fini) char *to = str_print("%s/state", at);
    json_t *status = json_object_get(row, "status");
    if (status && json_object_get(row, "state")) {
        refuse_twice(row, "status", from, "as state", findings);
    } else if (status) {
        notice(findings, from, "status: read as state (Planner 2.5.2)");
        moves_add(moves, to, from);
        json_object_set(row, "state", status);
        json_object_del(row, "status");
    }
    canon_list(row, "state", to, findings);
}

static void canon_signals(const struct model *m, json_t *doc, struct moves *moves,
                          struct findings *findings)
{
    size_t i, k;
    json_t *item, *row;
    json_array_foreach (json_object_get(doc, "triggers"), i, item) {
        json_t *conditions = json_object_get(json_object_get(item, "spec"), "conditions");
        json_array_foreach (typed_own(m, item) ? conditions : NULL, k, row) {
            own(str_fini) char *at = str_print("/triggers/%zu/spec/conditions/%zu/value", i, k);
            canon_list(row, "value", at, findings);
        }
    }
    json_array_foreach (json_object_get(doc, "callouts"), i, item) {
        json_t *triggers = json_object_get(json_object_get(item, "spec"), "triggers");
        json_array_foreach (typed_own(m, item) ? triggers : NULL, k, row) {
            own(str_fini) char *at = str_print("/callouts/%zu/spec/triggers/%zu", i, k);
            canon_state(row, at, moves, findings);
        }
    }
}

struct alias_context {
    const struct model *model;
    struct findings *findings;
};

static void canon_alias(void *context, json_t *item, const char *area, struct pointer *at)
{
    const struct alias_context *c = context;
    const char *type = json_text(item, "type");
    const char *uri = type_uri(c->model, type);
    (void)area;
    if (!uri || str_same(uri, type))
        return;
    size_t up = pointer_key(at, "type");
    notice(c->findings, at->text, "type: \"%s\" is another spelling of %s", type, uri);
    pointer_up(at, up);
    json_object_set_new(item, "type", json_string(uri));
}

void canon_task(const struct model *m, json_t *doc, struct moves *moves, struct findings *findings)
{
    struct pointer at = {0};
    struct alias_context context = {m, findings};
    if (json_any(doc, is_null))
        drop_nulls(m, doc, &at, findings);
    canon_compute(m, doc, moves, findings);
    canon_signals(m, doc, moves, findings);
    typed_each(m, doc, canon_alias, &context);
}

/* The types of a list, at a place of a platform. */
static void canon_types(struct alias_context *context, json_t *from, const char *where)
{
    size_t i;
    json_t *item;
    json_array_foreach (pointer_find(from, where), i, item) {
        struct pointer at = {0};
        at.len = (size_t)snprintf(at.text, sizeof(at.text), "%s/%zu", where, i);
        canon_alias(context, item, NULL, &at);
    }
}

void canon_platform(const struct model *m, json_t *doc, struct moves *moves,
                    struct findings *findings)
{
    static const char *const lists[] = {"/executables", "/storage", "/compute/extras",
                                        "/authentication"};
    struct alias_context context = {m, findings};
    (void)moves;
    for (size_t k = 0; k < COUNT(lists); k++)
        canon_types(&context, doc, lists[k]);
    for (size_t k = 0; k < json_array_size(pointer_find(doc, "/compute/flavors")); k++) {
        own(str_fini) char *extras = str_print("/compute/flavors/%zu/extras", k);
        canon_types(&context, doc, extras);
    }
}

static void one_offer(const struct model *m, json_t *offer, struct pointer *at,
                      struct findings *findings)
{
    static const char *const parts[] = {"executable",     "resources", "datetime",
                                        "authentication", "triggers",  "callouts"};
    for (size_t k = 0; k < COUNT(parts); k++) {
        json_t *part = json_object_get(offer, parts[k]);
        const size_t up = pointer_key(at, parts[k]);
        if (json_is_null(part)) {
            notice(findings, at->text, "%s: null is read as not given", parts[k]);
            json_object_del(offer, parts[k]);
        } else {
            drop_nulls(m, part, at, findings);
        }
        pointer_up(at, up);
    }
}

void canon_offer(const struct model *m, json_t *doc, struct moves *moves, struct findings *findings)
{
    struct pointer at = {0};
    (void)moves;
    one_offer(m, doc, &at, findings);
}

void canon_answer(const struct model *m, json_t *doc, struct moves *moves,
                  struct findings *findings)
{
    struct pointer at = {0};
    size_t i;
    json_t *offer;
    (void)moves;
    pointer_key(&at, "offers");
    json_array_foreach (json_object_get(doc, "offers"), i, offer) {
        const size_t up = pointer_index(&at, i);
        one_offer(m, offer, &at, findings);
        pointer_up(&at, up);
    }
}

/* A fraction that is there stays, 000 too: recorded moments have it. */
static char *canon_instant(const char *s, bool *sloppy)
{
    struct when w;
    char text[WHEN_TEXT];
    const char *why;
    if (when_parse(s, &w, sloppy, &why) < 0)
        return NULL;
    return str_new(strpbrk(s, ".,") ? moment_print(when_to_ms(w), text) : when_print(w, text));
}

static char *canon_duration(const char *s, bool *sloppy)
{
    struct duration d;
    char text[WHEN_TEXT];
    const char *why;
    return duration_parse(s, &d, sloppy, &why) == 0 ? str_new(duration_print(d, text)) : NULL;
}

static char *canon_window(const char *s, bool *sloppy)
{
    struct window w;
    char text[WINDOW_TEXT];
    const char *why;
    return window_parse(s, &w, sloppy, &why) == 0 ? str_new(window_print(w, text)) : NULL;
}

/* base/path with "." and ".." taken out, so that a document says one thing wherever it is read. */
static char *absolute(const char *base, const char *path)
{
    own(str_fini) char *joined = *path == '/' ? str_new(path) : str_print("%s/%s", base, path);
    struct buf b = {0};
    bool last = joined[strlen(joined) - 1] == '/';
    for (const char *p = joined; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (b.len && b.bytes[--b.len] != '/')
                ;
        } else if (n && !(n == 1 && p[0] == '.')) {
            buf_char(&b, '/');
            buf_add(&b, p, n);
        }
        p += n;
        p += *p == '/';
    }
    if (b.len == 0 || last)
        buf_char(&b, '/');
    b.bytes[b.len] = '\0';
    return buf_take(&b);
}

static char *relative(struct canon *f, const char *path)
{
    if (*path == '~' || *path == '$') {
        finding_hint(finding_add(f->findings, FINDING_ERROR, "relative-path", f->at->text,
                                 "\"%s\": ~ and $ mean nothing here", path),
                     "write the whole path, or one relative to this file");
        return NULL;
    }
    if (*path == '/' || f->base)
        return absolute(f->base, path);
    finding_add(f->findings, FINDING_ERROR, "relative-path", f->at->text,
                "\"%s\" is a relative path, and this document did not come from a file", path);
    return NULL;
}

/* location: a URI, or a path that becomes a file: URL. */
static char *canon_location(struct canon *f, const char *s)
{
    own(str_fini) char *scheme = uri_scheme(s);
    if (scheme || *s == '\0')
        return NULL;
    own(str_fini) char *path = relative(f, s);
    return path ? uri_of_path(path) : NULL;
}

/* image: oci:DIR[:TAG] and oci-archive:FILE[:TAG] get an absolute path; other names are of
 * registries. */
static char *canon_image(struct canon *f, const char *s)
{
    static const char *const prefixes[] = {"oci:", "oci-archive:"};
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        if (!str_begins(s, prefixes[i]))
            continue;
        own(str_fini) char *path = relative(f, s + strlen(prefixes[i]));
        return path ? str_print("%s%s", prefixes[i], path) : NULL;
    }
    return NULL;
}

/* P1M is a month, which who meant a minute should hear (EP-69). */
static void notice_months(struct canon *f, const char *s)
{
    struct duration d;
    const char *why;
    if (duration_parse(s, &d, NULL, &why) == 0 && d.months % 12)
        finding_add(f->findings, FINDING_NOTICE, "month-not-minute", f->at->text,
                    "\"%s\" is %" PRId64 " month%s, minutes are written like PT%" PRId64 "M", s,
                    d.months, d.months == 1 ? "" : "s", d.months % 12);
}

void canon_format(void *context, const char *format, json_t *string, struct pointer *at)
{
    static const struct {
        const char *format;
        char *(*time)(const char *s, bool *sloppy);
        char *(*path)(struct canon *f, const char *s);
    } rows[] = {
        {"date-time", canon_instant, NULL},   {"duration", canon_duration, NULL},
        {"start-window", canon_window, NULL}, {"location", NULL, canon_location},
        {"image", NULL, canon_image},
    };
    struct canon *f = context;
    const char *s = json_string_value(string);
    f->at = at;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!str_same(rows[i].format, format))
            continue;
        bool sloppy = false;
        if (str_same(format, "duration"))
            notice_months(f, s);
        own(str_fini) char *text = rows[i].time ? rows[i].time(s, &sloppy) : rows[i].path(f, s);
        if (!text || str_same(text, s))
            return;
        if (sloppy)
            notice(f->findings, at->text, "\"%s\" is read as %s", s, text);
        json_string_set(string, text);
        return;
    }
}
