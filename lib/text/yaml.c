/* The one file that knows libyaml: YAML 1.2 core schema scalars, no tags, no merge keys. */
#include <yaml.h>
#include "text/doc.h"
#include "text/buf.h"

struct anchor {
    char *name;
    json_t *value;
};

struct yaml_reader {
    yaml_parser_t parser;
    struct anchor *anchors;
    size_t nanchors, nodes;
    const char *name;
    size_t began; /* offset of the document being read */
    bool started, failed;
};

struct yaml_reader *yaml_open(const char *bytes, size_t len)
{
    struct yaml_reader *r = mem_new(sizeof(*r));
    if (!yaml_parser_initialize(&r->parser))
        abort();
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)bytes, len);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    return r;
}

static void forget_anchors(struct yaml_reader *r)
{
    for (size_t i = 0; i < r->nanchors; i++) {
        free(r->anchors[i].name);
        json_decref(r->anchors[i].value);
    }
    free(r->anchors);
    r->anchors = NULL;
    r->nanchors = r->nodes = 0;
}

void yaml_close(struct yaml_reader *r)
{
    if (!r)
        return;
    forget_anchors(r);
    yaml_parser_delete(&r->parser);
    free(r);
}

static int fail(struct yaml_reader *r, yaml_mark_t mark, struct err *err, const char *fmt, ...)
    PRINTF(4, 5);

static int fail(struct yaml_reader *r, yaml_mark_t mark, struct err *err, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    r->failed = true;
    err_set(err, CODE_DATA, "%s", text);
    return err_at(err, r->name, (unsigned)mark.line + 1, (unsigned)mark.column + 1);
}

static int next_event(struct yaml_reader *r, yaml_event_t *event, struct err *err)
{
    if (yaml_parser_parse(&r->parser, event))
        return 0;
    const yaml_parser_t *p = &r->parser;
    yaml_mark_t mark = p->problem_mark;
    const char *hint = "";
    if (p->problem && strstr(p->problem, "'\\t'"))
        hint = "; indent with blanks, not tabs";
    if (p->context && p->problem)
        return fail(r, mark, err, "%s %s%s", p->problem, p->context, hint);
    return fail(r, mark, err, "%s%s", p->problem ? p->problem : "not YAML", hint);
}

static bool one_of(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

static bool all_in(const char *s, const char *set)
{
    return *s && s[strspn(s, set)] == '\0';
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?  (YAML 1.2, 10.3.2) */
static bool is_float(const char *s)
{
    size_t n;
    if (*s == '-' || *s == '+')
        s++;
    n = strspn(s, "0123456789");
    s += n;
    if (*s == '.') {
        size_t m = strspn(++s, "0123456789");
        if (n + m == 0)
            return false;
        s += m;
        n = 1;
    }
    if (n == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '-' || *s == '+')
            s++;
        return all_in(s, "0123456789");
    }
    return *s == '\0';
}

static bool is_int(const char *s)
{
    if (str_begins(s, "0o"))
        return all_in(s + 2, "01234567");
    if (str_begins(s, "0x"))
        return all_in(s + 2, "0123456789abcdefABCDEF");
    if (*s == '-' || *s == '+')
        s++;
    return all_in(s, "0123456789");
}

static int plain_scalar(struct yaml_reader *r, const yaml_event_t *e, json_t **out, struct err *err)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const odd[] = {".nan", ".NaN", ".NAN", ".inf",  ".Inf",  ".INF", "-.inf",
                                      "-.Inf", "-.INF", "+.inf", "+.Inf", "+.INF", NULL};
    const char *s = (const char *)e->data.scalar.value;
    if (one_of(s, nulls)) {
        *out = json_null();
    } else if (one_of(s, trues) || one_of(s, falses)) {
        *out = json_boolean(one_of(s, trues));
    } else if (one_of(s, odd)) {
        return fail(r, e->start_mark, err, "%s is not a JSON number", s);
    } else if (is_int(s)) {
        bool radix = s[0] == '0' && (s[1] == 'o' || s[1] == 'x');
        errno = 0;
        long long v = strtoll(radix ? s + 2 : s, NULL, !radix ? 10 : s[1] == 'o' ? 8 : 16);
        if (errno)
            return fail(r, e->start_mark, err, "%s is too large a number", s);
        *out = json_integer(v);
    } else if (is_float(s)) {
        errno = 0;
        double v = strtod(s, NULL);
        if (errno == ERANGE && (v > 1 || v < -1))
            return fail(r, e->start_mark, err, "%s is too large a number", s);
        *out = json_real(v);
    } else {
        *out = json_string(s);
    }
    return 0;
}

static int read_node(struct yaml_reader *r, const yaml_event_t *e, int depth, json_t **out,
                     struct err *err);

static size_t count_nodes(const json_t *j)
{
    size_t n = 1, i;
    const char *key;
    json_t *v;
    if (json_is_object(j)) {
        json_object_foreach((json_t *)j, key, v) n += count_nodes(v);
    } else {
        json_array_foreach(j, i, v) n += count_nodes(v);
    }
    return n;
}

static int read_alias(struct yaml_reader *r, const yaml_event_t *e, json_t **out, struct err *err)
{
    const char *name = (const char *)e->data.alias.anchor;
    for (size_t i = r->nanchors; i-- > 0;) {
        if (strcmp(r->anchors[i].name, name) != 0)
            continue;
        r->nodes += count_nodes(r->anchors[i].value);
        if (r->nodes > DOC_NODES_MAX)
            return fail(r, e->start_mark, err, "aliases expand to more than %d values",
                        DOC_NODES_MAX);
        *out = json_deep_copy(r->anchors[i].value);
        return 0;
    }
    return fail(r, e->start_mark, err, "alias *%s has no anchor &%s before it", name, name);
}

static int read_key(struct yaml_reader *r, const yaml_event_t *e, json_t *object, struct err *err)
{
    if (e->type != YAML_SCALAR_EVENT)
        return fail(r, e->start_mark, err, "a key must be a plain word, not a list or mapping");
    const char *key = (const char *)e->data.scalar.value;
    if (strcmp(key, "<<") == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return fail(r, e->start_mark, err,
                    "merge keys (<<) are not part of YAML 1.2; write the keys out");
    if (e->data.scalar.tag)
        return fail(r, e->start_mark, err, "tags (%s) are not JSON", e->data.scalar.tag);
    if (strlen(key) != e->data.scalar.length)
        return fail(r, e->start_mark, err, "a key must not hold a NUL character");
    if (json_object_get(object, key))
        return fail(r, e->start_mark, err, "the key \"%s\" is given twice", key);
    return 0;
}

static int read_mapping(struct yaml_reader *r, int depth, json_t **out, struct err *err)
{
    own(json_fini) json_t *object = json_object();
    for (;;) {
        yaml_event_t k, v;
        if (next_event(r, &k, err) < 0)
            return -1;
        if (k.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&k);
            *out = move(object);
            return 0;
        }
        int rc = read_key(r, &k, object, err);
        if (rc == 0)
            rc = next_event(r, &v, err);
        if (rc == 0) {
            json_t *value = NULL;
            rc = read_node(r, &v, depth + 1, &value, err);
            if (rc == 0)
                json_object_set_new(object, (const char *)k.data.scalar.value, value);
            yaml_event_delete(&v);
        }
        yaml_event_delete(&k);
        if (rc < 0)
            return -1;
    }
}

static int read_sequence(struct yaml_reader *r, int depth, json_t **out, struct err *err)
{
    own(json_fini) json_t *array = json_array();
    for (;;) {
        yaml_event_t e;
        json_t *value = NULL;
        if (next_event(r, &e, err) < 0)
            return -1;
        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            *out = move(array);
            return 0;
        }
        int rc = read_node(r, &e, depth + 1, &value, err);
        yaml_event_delete(&e);
        if (rc < 0)
            return -1;
        json_array_append_new(array, value);
    }
}

static int read_node(struct yaml_reader *r, const yaml_event_t *e, int depth, json_t **out,
                     struct err *err)
{
    const unsigned char *anchor = NULL, *tag = NULL;
    int rc = 0;
    if (depth > DOC_DEPTH_MAX)
        return fail(r, e->start_mark, err, "nested deeper than %d levels", DOC_DEPTH_MAX);
    if (++r->nodes > DOC_NODES_MAX)
        return fail(r, e->start_mark, err, "more than %d values", DOC_NODES_MAX);
    if (e->start_mark.index - r->began > DOC_BYTES_MAX)
        return fail(r, e->start_mark, err, "document is larger than %d MiB",
                    DOC_BYTES_MAX / 1024 / 1024);
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r, e, out, err);
    case YAML_SCALAR_EVENT:
        tag = e->data.scalar.tag;
        anchor = e->data.scalar.anchor;
        if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag)
            rc = plain_scalar(r, e, out, err);
        else
            *out = json_stringn((const char *)e->data.scalar.value, e->data.scalar.length);
        break;
    case YAML_SEQUENCE_START_EVENT:
        tag = e->data.sequence_start.tag;
        anchor = e->data.sequence_start.anchor;
        rc = read_sequence(r, depth, out, err);
        break;
    case YAML_MAPPING_START_EVENT:
        tag = e->data.mapping_start.tag;
        anchor = e->data.mapping_start.anchor;
        rc = read_mapping(r, depth, out, err);
        break;
    default:
        return fail(r, e->start_mark, err, "unexpected YAML construct");
    }
    if (rc < 0)
        return -1;
    if (tag) {
        json_decref(*out);
        return fail(r, e->start_mark, err, "tags (%s) are not JSON", tag);
    }
    if (anchor) {
        r->anchors = mem_grow(r->anchors, r->nanchors + 1, sizeof(*r->anchors));
        r->anchors[r->nanchors++] =
            (struct anchor){str_new((const char *)anchor), json_incref(*out)};
    }
    return 0;
}

/* The root of the next document: 1 with *e to be deleted, 0 at the end. */
static int next_root(struct yaml_reader *r, yaml_event_t *e, struct err *err)
{
    for (;;) {
        if (next_event(r, e, err) < 0)
            return -1;
        yaml_event_type_t type = e->type;
        if (type == YAML_DOCUMENT_START_EVENT)
            r->began = e->start_mark.index;
        if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
            type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT)
            return 1;
        yaml_event_delete(e);
        if (type == YAML_STREAM_END_EVENT)
            return 0;
    }
}

/* `---` with nothing behind it is a document of null; a person who ends a file with it meant none. */
static bool is_nothing(const yaml_event_t *e)
{
    return e->type == YAML_SCALAR_EVENT && e->data.scalar.length == 0 &&
           e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag;
}

int yaml_next(struct yaml_reader *r, const char *name, json_t **doc, struct err *err)
{
    yaml_event_t e;
    r->name = name;
    if (r->failed)
        return 0;
    int rc = next_root(r, &e, err);
    while (rc > 0 && is_nothing(&e)) {
        yaml_event_delete(&e);
        rc = next_root(r, &e, err);
    }
    if (rc <= 0)
        return rc;
    rc = read_node(r, &e, 1, doc, err);
    yaml_event_delete(&e);
    forget_anchors(r);
    return rc < 0 ? -1 : 1;
}

/* Walks the nodes of one document, keeping the position of the deepest one on the pointer's path. */
struct locate {
    yaml_parser_t *parser;
    const char *want;
    size_t deepest;
    yaml_mark_t mark;
};

static size_t key_matches(const struct locate *l, size_t matched, const char *token)
{
    const char *p = l->want + matched;
    if (*p++ != '/')
        return 0;
    for (; *token; token++, p++) {
        if (*p == '~' && (*token == '~' || *token == '/'))
            p++;
        else if (*p != *token)
            return 0;
    }
    return *p == '\0' || *p == '/' ? (size_t)(p - l->want) - matched : 0;
}

static bool locate_node(struct locate *l, const yaml_event_t *e, size_t matched, bool on_path,
                        yaml_mark_t mark)
{
    bool mapping = e->type == YAML_MAPPING_START_EVENT;
    if (on_path && (matched > l->deepest || l->deepest == 0)) {
        l->deepest = matched;
        l->mark = mark;
    }
    if (!mapping && e->type != YAML_SEQUENCE_START_EVENT)
        return true;
    for (size_t index = 0;; index++) {
        yaml_event_t item, value;
        if (!yaml_parser_parse(l->parser, &item))
            return false;
        if (item.type == YAML_MAPPING_END_EVENT || item.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&item);
            return true;
        }
        char number[24];
        snprintf(number, sizeof(number), "%zu", index);
        const char *token = mapping ? (const char *)item.data.scalar.value : number;
        size_t more = on_path ? key_matches(l, matched, token) : 0;
        bool ok = true;
        if (mapping) {
            ok = yaml_parser_parse(l->parser, &value);
            if (ok) {
                ok = locate_node(l, &value, matched + more, more > 0, item.start_mark);
                yaml_event_delete(&value);
            }
        } else {
            ok = locate_node(l, &item, matched + more, more > 0, item.start_mark);
        }
        yaml_event_delete(&item);
        if (!ok)
            return false;
    }
}

void yaml_locate(const char *bytes, size_t len, size_t index, const char *pointer, unsigned *line,
                 unsigned *column)
{
    struct yaml_reader *r = yaml_open(bytes, len);
    struct locate l = {.want = pointer, .parser = &r->parser};
    struct err ignored;
    yaml_event_t e;
    int rc = 0;
    for (size_t i = 0; i <= index; i++) {
        do
            rc = next_root(r, &e, &ignored);
        while (rc > 0 && is_nothing(&e) && (yaml_event_delete(&e), true));
        if (rc <= 0)
            break;
        bool ok = locate_node(&l, &e, 0, i == index, e.start_mark);
        yaml_event_delete(&e);
        if (!ok)
            break;
    }
    yaml_close(r);
    if (rc > 0) {
        *line = (unsigned)l.mark.line + 1;
        *column = (unsigned)l.mark.column + 1;
    }
}
