/* The one file that knows libyaml: YAML 1.2 core schema scalars, no tags, no merge keys. */
#include <yaml.h>
#include "text/doc.h"
#include "text/pointer.h"

struct yaml_reader {
    yaml_parser_t parser;
    const char *bytes;
    size_t len;
    size_t chars, at; /* libyaml counts characters: so many end at this byte */
    size_t began;     /* offset of the document being read */
    json_t *anchors;  /* of this document, by name */
    size_t nodes;
    const char *name;
};

struct yaml_reader *yaml_open(const char *bytes, size_t len)
{
    struct yaml_reader *r = mem_new(sizeof(*r));
    if (!yaml_parser_initialize(&r->parser))
        abort();
    r->bytes = bytes;
    r->len = len;
    r->anchors = json_object();
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)bytes, len);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    return r;
}

void yaml_close(struct yaml_reader *r)
{
    if (!r)
        return;
    json_decref(r->anchors);
    yaml_parser_delete(&r->parser);
    free(r);
}

/* The byte a mark stands at. Marks come nearly in order, so this goes on from the last one. */
static size_t byte_of(struct yaml_reader *r, yaml_mark_t mark)
{
    for (; r->chars < mark.index && r->at < r->len; r->chars++) {
        do
            r->at++;
        while (r->at < r->len && (r->bytes[r->at] & 0xc0) == 0x80);
    }
    for (; r->chars > mark.index && r->at > 0; r->chars--) {
        do
            r->at--;
        while (r->at > 0 && (r->bytes[r->at] & 0xc0) == 0x80);
    }
    return r->at;
}

static int fail_at(struct yaml_reader *r, size_t at, struct err *err, const char *text)
{
    unsigned line, column;
    doc_line(r->bytes, at, &line, &column);
    err_set(err, CODE_DATA, "%s", text);
    return err_at(err, r->name, line, column);
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
    return fail_at(r, byte_of(r, mark), err, text);
}

/* libyaml says what its grammar wanted; a person wants to know what to mend. */
static const char *in_words(const char *problem)
{
    static const char *const rows[][2] = {
        {"mapping values are not allowed in this context",
         "a second \": \" in one value; put the value in quotes, or mind the indentation"},
        {"did not find expected key",
         "expected a key like those before; mind the indentation, and text behind quotes"},
        {"could not find expected ':'", "expected \": \" behind the key in the line before"},
        {"did not find expected '-' indicator",
         "expected \"- \" like the items before; mind the indentation"},
        {"did not find expected ',' or ']'", "expected , or ] in the list that [ began"},
        {"did not find expected ',' or '}'", "expected , or } in the mapping that { began"},
        {"found unexpected end of stream", "the text ends inside quotes"},
        {"found character that cannot start any token",
         "no value begins with this character; put the value in quotes"},
        {"found unknown escape character",
         "there is no such escape; write \\\\ for a backslash, or use single quotes"},
        {"found invalid Unicode character escape code", "there is no character of this number"},
        {"did not find expected node content", "expected a value"},
        {"did not find expected <document start>",
         "expected nothing more, or --- and another document"},
        {"found incompatible YAML document", "expected YAML 1.1 or 1.2"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_same(problem, rows[i][0]))
            return rows[i][1];
    return NULL;
}

static int parser_failed(struct yaml_reader *r, struct err *err)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "not YAML", *words = in_words(problem);
    if (p->error == YAML_READER_ERROR)
        return fail_at(r, p->problem_offset, err, problem);
    const size_t at = byte_of(r, p->problem_mark);
    if (at < r->len && r->bytes[at] == '\t')
        return fail_at(r, at, err, "a tab cannot stand here; indent with blanks, not tabs");
    if (words)
        return fail_at(r, at, err, words);
    return fail(r, p->problem_mark, err, "%s%s%s", problem, p->context ? " " : "",
                p->context ? p->context : "");
}

static int next_event(struct yaml_reader *r, yaml_event_t *e, struct err *err)
{
    if (!yaml_parser_parse(&r->parser, e))
        return parser_failed(r, err);
    if (e->type == YAML_DOCUMENT_START_EVENT)
        r->began = byte_of(r, e->start_mark);
    if (e->type < YAML_ALIAS_EVENT || byte_of(r, e->end_mark) <= r->began + DOC_BYTES_MAX)
        return 0;
    fail(r, e->start_mark, err, "document is larger than %d MiB", DOC_BYTES_MAX / 1024 / 1024);
    yaml_event_delete(e);
    return -1;
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

static int read_scalar(struct yaml_reader *r, const yaml_event_t *e, json_t **out, struct err *err)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const odd[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF", "-.inf",
                                      "-.Inf", "-.INF", "+.inf", "+.Inf", "+.INF", NULL};
    const char *s = (const char *)e->data.scalar.value;
    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        *out = json_stringn(s, e->data.scalar.length);
    } else if (one_of(s, nulls)) {
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

/* How many values j is, and in how many levels of lists and mappings. */
static size_t measure(const json_t *j, int *levels)
{
    size_t n = 1, i;
    const char *key;
    json_t *v;
    int below = 0, deepest = 0;
    if (json_is_object(j)) {
        json_object_foreach ((json_t *)j, key, v) {
            n += measure(v, &below);
            deepest = below > deepest ? below : deepest;
        }
    } else {
        json_array_foreach (j, i, v) {
            n += measure(v, &below);
            deepest = below > deepest ? below : deepest;
        }
    }
    *levels = deepest + (json_is_object(j) || json_is_array(j));
    return n;
}

static int read_alias(struct yaml_reader *r, const yaml_event_t *e, int depth, json_t **out,
                      struct err *err)
{
    const char *name = (const char *)e->data.alias.anchor;
    const json_t *value = json_object_get(r->anchors, name);
    int levels;
    if (!value)
        return fail(r, e->start_mark, err, "alias *%s has no anchor &%s before it", name, name);
    r->nodes += measure(value, &levels);
    if (r->nodes > DOC_NODES_MAX)
        return fail(r, e->start_mark, err, "aliases expand to more than %d values", DOC_NODES_MAX);
    if (depth + levels - 1 > DOC_DEPTH_MAX)
        return fail(r, e->start_mark, err, "nested deeper than %d levels", DOC_DEPTH_MAX);
    *out = json_deep_copy(value);
    return 0;
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
    if (++r->nodes > DOC_NODES_MAX)
        return fail(r, e->start_mark, err, "more than %d values", DOC_NODES_MAX);
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r, e, depth, out, err);
    case YAML_SCALAR_EVENT:
        tag = e->data.scalar.tag;
        anchor = e->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        tag = e->data.sequence_start.tag;
        anchor = e->data.sequence_start.anchor;
        break;
    case YAML_MAPPING_START_EVENT:
        tag = e->data.mapping_start.tag;
        anchor = e->data.mapping_start.anchor;
        break;
    default:
        return fail(r, e->start_mark, err, "unexpected YAML construct");
    }
    if (tag)
        return fail(r, e->start_mark, err, "tags (%s) are not JSON", tag);
    if (e->type != YAML_SCALAR_EVENT && depth > DOC_DEPTH_MAX)
        return fail(r, e->start_mark, err, "nested deeper than %d levels", DOC_DEPTH_MAX);
    int rc = e->type == YAML_SCALAR_EVENT           ? read_scalar(r, e, out, err)
             : e->type == YAML_SEQUENCE_START_EVENT ? read_sequence(r, depth, out, err)
                                                    : read_mapping(r, depth, out, err);
    if (rc == 0 && anchor)
        json_object_set(r->anchors, (const char *)anchor, *out);
    return rc;
}

/* The root of the next document: 1 with *e to be deleted, 0 at the end. */
static int next_root(struct yaml_reader *r, yaml_event_t *e, struct err *err)
{
    for (;;) {
        if (next_event(r, e, err) < 0)
            return -1;
        yaml_event_type_t type = e->type;
        if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
            type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT)
            return 1;
        yaml_event_delete(e);
        if (type == YAML_STREAM_END_EVENT)
            return 0;
    }
}

/* `---` with nothing behind it is a document of null; a person who ends a file with it meant none.
 */
static bool is_nothing(const yaml_event_t *e)
{
    return e->type == YAML_SCALAR_EVENT && e->data.scalar.length == 0 &&
           e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag;
}

/* The same without empty documents. */
static int next_content(struct yaml_reader *r, yaml_event_t *e, struct err *err)
{
    int rc;
    while ((rc = next_root(r, e, err)) > 0 && is_nothing(e))
        yaml_event_delete(e);
    return rc;
}

int yaml_next(struct yaml_reader *r, const char *name, json_t **doc, struct err *err)
{
    yaml_event_t e;
    r->name = name;
    int rc = next_content(r, &e, err);
    if (rc <= 0)
        return rc;
    rc = read_node(r, &e, 1, doc, err);
    yaml_event_delete(&e);
    json_object_clear(r->anchors);
    r->nodes = 0;
    return rc < 0 ? -1 : 1;
}

/* Walks one document. rest is what remains of the pointer, NULL off its path; *at is where its
 * deepest step stands. */
static bool locate_node(struct yaml_reader *r, const yaml_event_t *e, const char *rest, size_t *at)
{
    bool mapping = e->type == YAML_MAPPING_START_EVENT;
    if (!mapping && e->type != YAML_SEQUENCE_START_EVENT)
        return true;
    for (size_t index = 0;; index++) {
        yaml_event_t item, value;
        if (!yaml_parser_parse(&r->parser, &item))
            return false;
        if (item.type == YAML_MAPPING_END_EVENT || item.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&item);
            return true;
        }
        char number[24];
        snprintf(number, sizeof(number), "%zu", index);
        const char *token = mapping ? (const char *)item.data.scalar.value : number;
        size_t step = rest ? pointer_step(rest, token, strlen(token)) : 0;
        if (step)
            *at = byte_of(r, item.start_mark);
        bool ok = !mapping || yaml_parser_parse(&r->parser, &value);
        if (ok)
            ok = locate_node(r, mapping ? &value : &item, step ? rest + step : NULL, at);
        if (mapping && ok)
            yaml_event_delete(&value);
        yaml_event_delete(&item);
        if (!ok)
            return false;
    }
}

bool yaml_locate(const char *bytes, size_t len, size_t index, const char *pointer, size_t *at)
{
    struct yaml_reader *r = yaml_open(bytes, len);
    struct err ignored;
    bool known = false, ok = true;
    for (size_t i = 0; i <= index && ok; i++) {
        yaml_event_t e;
        ok = next_content(r, &e, &ignored) > 0;
        if (!ok)
            break;
        known = i == index;
        *at = byte_of(r, e.start_mark);
        ok = locate_node(r, &e, known ? pointer : NULL, at);
        yaml_event_delete(&e);
    }
    yaml_close(r);
    return known;
}
