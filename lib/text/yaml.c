/* YAML in, by libyaml: YAML 1.2 core schema scalars, no tags, no merge keys. */
#include <yaml.h>
#include "text/doc.h"
#include "text/locate.h"
#include "text/mask.h"

struct yaml_reader {
    yaml_parser_t parser;
    struct masks masks;
    const char *bytes;
    size_t len;
    size_t ended;            /* of the document being read, so far */
    size_t chars, at;        /* libyaml counts characters: so many end at this byte */
    size_t began;            /* offset of the document being read */
    json_t *anchors;         /* of this document, by name */
    bool ascii;              /* a character is a byte */
    json_t *open;            /* what an anchor names until its node has ended */
    size_t values, expanded; /* of this document; bytes that came by aliases */
    const char *name;
};

static bool is_ascii(const char *bytes, size_t len)
{
    unsigned char all = 0;
    for (size_t i = 0; i < len; i++)
        all |= (unsigned char)bytes[i];
    return all < 0x80;
}

struct yaml_reader *yaml_open(const char *bytes, size_t len)
{
    struct yaml_reader *r = mem_new(sizeof(*r));
    if (!yaml_parser_initialize(&r->parser))
        abort();
    masks_init(&r->masks, bytes, len);
    r->bytes = r->masks.text ? r->masks.text : bytes;
    r->len = len;
    r->ascii = is_ascii(r->bytes, len);
    r->anchors = json_object();
    r->open = json_object();
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->bytes, len);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    return r;
}

void yaml_close(struct yaml_reader *r)
{
    if (!r)
        return;
    json_decref(r->anchors);
    json_decref(r->open);
    yaml_parser_delete(&r->parser);
    masks_fini(&r->masks);
    free(r);
}

/* The next event, with what was masked as it was written. */
static bool parse(struct yaml_reader *r, yaml_event_t *e)
{
    if (!yaml_parser_parse(&r->parser, e))
        return false;
    if (r->masks.text && e->type == YAML_SCALAR_EVENT)
        e->data.scalar.length =
            masks_undo(&r->masks, (char *)e->data.scalar.value, e->data.scalar.length,
                       e->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE);
    return true;
}

/* The byte a mark stands at. Marks come nearly in order, so this goes on from the last one. */
static size_t byte_of(struct yaml_reader *r, yaml_mark_t mark)
{
    if (r->ascii)
        return mark.index < r->len ? mark.index : r->len;
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
        {"found incompatible YAML document", "expected YAML 1.2; remove the %YAML directive"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_same(problem, rows[i][0]))
            return rows[i][1];
    return NULL;
}

#define BRIEF 64
/* A text of the document's as a message shows it: not all of it, and no half characters. */
static char *brief(const char *s, char out[BRIEF])
{
    size_t n = strlen(s);
    if (n >= BRIEF) {
        n = BRIEF - 4;
        while (n > 0 && (s[n] & 0xc0) == 0x80)
            n--;
        snprintf(out, BRIEF, "%.*s...", (int)n, s);
        return out;
    }
    memcpy(out, s, n + 1);
    return out;
}

/* Does s stand at this byte? */
static bool stands(const struct yaml_reader *r, size_t at, const char *s)
{
    return at + strlen(s) <= r->len && memcmp(r->bytes + at, s, strlen(s)) == 0;
}

static int parser_failed(struct yaml_reader *r, struct err *err)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "not YAML", *words = in_words(problem);
    if (p->error == YAML_READER_ERROR)
        return fail_at(r, p->problem_offset, err, problem);
    const size_t at = byte_of(r, p->problem_mark);
    if (strcmp(problem, "found invalid Unicode character escape code") == 0 &&
        (stands(r, at - 1, "ud") || stands(r, at - 1, "uD")))
        return fail_at(r, at, err,
                       "half of a surrogate pair, expected both halves like \\ud83d\\ude00");
    if (at < r->len && r->bytes[at] == '\t')
        return fail_at(r, at, err, "a tab cannot stand here; indent with blanks, not tabs");
    if (words && at >= r->len && p->context_mark.line < p->problem_mark.line)
        return fail(r, p->problem_mark, err, "%s; it began in line %zu", words,
                    p->context_mark.line + 1);
    if (words)
        return fail_at(r, at, err, words);
    return fail(r, p->problem_mark, err, "%s%s%s", problem, p->context ? " " : "",
                p->context ? p->context : "");
}

static int next_event(struct yaml_reader *r, yaml_event_t *e, struct err *err)
{
    if (!parse(r, e))
        return parser_failed(r, err);
    if (e->type == YAML_DOCUMENT_START_EVENT)
        r->began = byte_of(r, e->start_mark);
    if (e->type < YAML_ALIAS_EVENT)
        return 0;
    r->ended = byte_of(r, e->end_mark);
    if (r->ended <= r->began + DOC_BYTES_MAX)
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
    char shown[BRIEF];
    /* Only these begin what is no string. Nothing is checked for UTF-8 again: the door has. */
    const bool special = strchr("~nNtTfF.+-0123456789", *s) != NULL; /* or there is nothing */
    if (!special || e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        *out = json_stringn_nocheck(s, e->data.scalar.length);
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
            return fail(r, e->start_mark, err, "%s is too large a number", brief(s, shown));
        *out = json_integer(v);
    } else if (is_float(s)) {
        errno = 0;
        double v = strtod(s, NULL);
        if (errno == ERANGE && (v > 1 || v < -1))
            return fail(r, e->start_mark, err, "%s is too large a number", brief(s, shown));
        *out = json_real(v);
    } else {
        *out = json_string_nocheck(s);
    }
    return 0;
}

static int read_node(struct yaml_reader *r, const yaml_event_t *e, int depth, json_t **out,
                     struct err *err);

/* What copying a value costs. */
struct extent {
    size_t values, bytes; /* of strings and keys */
    int levels;           /* of lists and mappings */
};

static struct extent measure(const json_t *j)
{
    struct extent all = {.values = 1, .bytes = json_string_length(j)};
    size_t i;
    const char *key;
    json_t *v;
    const bool object = json_is_object(j), array = json_is_array(j);
    void *step = object ? json_object_iter((json_t *)j) : NULL;
    for (i = 0; object ? step != NULL : i < json_array_size(j); i++) {
        v = object ? json_object_iter_value(step) : json_array_get(j, i);
        key = object ? json_object_iter_key(step) : "";
        const struct extent one = measure(v);
        all.values += one.values;
        all.bytes += one.bytes + strlen(key);
        all.levels = one.levels > all.levels ? one.levels : all.levels;
        step = object ? json_object_iter_next((json_t *)j, step) : NULL;
    }
    all.levels += object || array;
    return all;
}

/* An alias is a copy, as later steps change values in place. Its strings count as well as its
 * values: 100,000 aliases of one long string are no more than a few bytes to write. */
static int read_alias(struct yaml_reader *r, const yaml_event_t *e, int depth, json_t **out,
                      struct err *err)
{
    const char *anchor = (const char *)e->data.alias.anchor;
    const json_t *value = json_object_get(r->anchors, anchor);
    char name[BRIEF];
    brief(anchor, name);
    if (!value)
        return fail(r, e->start_mark, err, "alias *%s has no anchor &%s before it", name, name);
    if (value == r->open)
        return fail(r, e->start_mark, err, "alias *%s stands inside what it is an alias of", name);
    const struct extent more = measure(value);
    r->values += more.values;
    r->expanded += more.bytes;
    if (r->values > DOC_NODES_MAX)
        return fail(r, e->start_mark, err, "aliases expand to more than %d values", DOC_NODES_MAX);
    if (r->expanded > DOC_BYTES_MAX)
        return fail(r, e->start_mark, err, "aliases expand to more than %d MiB",
                    DOC_BYTES_MAX / 1024 / 1024);
    if (depth + more.levels - 1 > DOC_DEPTH_MAX)
        return fail(r, e->start_mark, err, "nested deeper than %d levels", DOC_DEPTH_MAX);
    *out = json_deep_copy(value);
    return 0;
}

/* A key may be an anchor's node, too. */
static int keep_key(struct yaml_reader *r, const yaml_event_t *e, struct err *err)
{
    const char *anchor = (const char *)e->data.scalar.anchor;
    json_t *value;
    if (!anchor)
        return 0;
    if (read_scalar(r, e, &value, err) < 0)
        return -1;
    json_object_set_new(r->anchors, anchor, value);
    return 0;
}

static int read_key(struct yaml_reader *r, const yaml_event_t *e, json_t *object, struct err *err)
{
    if (e->type != YAML_SCALAR_EVENT)
        return fail(r, e->start_mark, err, "a key must be a plain word, not a list or mapping");
    const char *key = (const char *)e->data.scalar.value;
    const char *tag = (const char *)e->data.scalar.tag;
    char shown[BRIEF];
    if (strcmp(key, "<<") == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return fail(r, e->start_mark, err,
                    "merge keys (<<) are not part of YAML 1.2; write the keys out");
    if (tag)
        return fail(r, e->start_mark, err, "tags (%s) are not JSON", brief(tag, shown));
    if (strlen(key) != e->data.scalar.length)
        return fail(r, e->start_mark, err, "a key must not hold a NUL character");
    if (json_object_get(object, key))
        return fail(r, e->start_mark, err, "the key \"%s\" is given twice", brief(key, shown));
    return keep_key(r, e, err);
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
                json_object_set_new_nocheck(object, (const char *)k.data.scalar.value, value);
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
    char shown[BRIEF];
    if (++r->values > DOC_NODES_MAX)
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
        return fail(r, e->start_mark, err, "tags (%s) are not JSON",
                    brief((const char *)tag, shown));
    if (e->type != YAML_SCALAR_EVENT && depth > DOC_DEPTH_MAX)
        return fail(r, e->start_mark, err, "nested deeper than %d levels", DOC_DEPTH_MAX);
    if (anchor)
        json_object_set(r->anchors, (const char *)anchor, r->open);
    int rc = e->type == YAML_SCALAR_EVENT           ? read_scalar(r, e, out, err)
             : e->type == YAML_SEQUENCE_START_EVENT ? read_sequence(r, depth, out, err)
                                                    : read_mapping(r, depth, out, err);
    if (rc == 0 && anchor)
        json_object_set(r->anchors, (const char *)anchor, *out);
    return rc;
}

/* A document that says it is YAML 1.1 means other things by no, 012 and 1:30; and %TAG only serves
 * tags. */
static int check_directives(struct yaml_reader *r, const yaml_event_t *e, struct err *err)
{
    const yaml_version_directive_t *v = e->data.document_start.version_directive;
    if (v && (v->major != 1 || v->minor != 2))
        return fail(r, e->start_mark, err,
                    "expected YAML 1.2, not %d.%d; remove the %%YAML directive", v->major,
                    v->minor);
    if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
        return fail(r, e->start_mark, err, "tags are not JSON; remove the %%TAG directive");
    return 0;
}

/* The root of the next document: 1 with *e to be deleted, 0 at the end. */
static int next_root(struct yaml_reader *r, yaml_event_t *e, struct err *err)
{
    for (;;) {
        if (next_event(r, e, err) < 0)
            return -1;
        yaml_event_type_t type = e->type;
        int rc = type == YAML_DOCUMENT_START_EVENT ? check_directives(r, e, err) : 0;
        if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
            type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT)
            return 1;
        yaml_event_delete(e);
        if (rc < 0 || type == YAML_STREAM_END_EVENT)
            return rc;
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

/* A reader that begins at this line finds the document as this one did: the content of one without
 * `---` may be indented. */
static size_t line_of(const struct yaml_reader *r, size_t at)
{
    while (at > 0 && r->bytes[at - 1] != '\n' && r->bytes[at - 1] != '\r')
        at--;
    return at;
}

int yaml_next(struct yaml_reader *r, const char *name, json_t **doc, struct span *span,
              struct err *err)
{
    yaml_event_t e;
    own(json_fini) json_t *read = NULL;
    r->name = name;
    int rc = next_content(r, &e, err);
    if (rc <= 0)
        return rc;
    rc = read_node(r, &e, 1, &read, err);
    yaml_event_delete(&e);
    json_object_clear(r->anchors);
    r->values = r->expanded = 0;
    /* Its end, too: of "--- ::" libyaml tells a value before it sees that there is none. */
    if (rc < 0 || next_event(r, &e, err) < 0)
        return -1;
    yaml_event_delete(&e);
    *doc = move(read);
    *span = (struct span){line_of(r, r->began), r->ended};
    return 1;
}

/* Walks one node, which the step leads to, or NOWHERE. */
static bool locate_node(struct yaml_reader *r, const yaml_event_t *e, struct steps *steps,
                        size_t step)
{
    const bool mapping = e->type == YAML_MAPPING_START_EVENT;
    if (!mapping && e->type != YAML_SEQUENCE_START_EVENT)
        return true;
    for (size_t index = 0;; index++) {
        yaml_event_t item, value;
        if (!parse(r, &item))
            return false;
        if (item.type == YAML_MAPPING_END_EVENT || item.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&item);
            return true;
        }
        size_t next = mapping ? steps_key(steps, step, (const char *)item.data.scalar.value)
                              : steps_item(steps, step, index);
        if (next != NOWHERE)
            steps_found(steps, next, byte_of(r, item.start_mark));
        bool ok = !mapping || parse(r, &value);
        if (ok)
            ok = locate_node(r, mapping ? &value : &item, steps, next);
        if (mapping && ok)
            yaml_event_delete(&value);
        yaml_event_delete(&item);
        if (!ok)
            return false;
    }
}

void yaml_locate(const char *bytes, size_t len, size_t index, struct steps *steps)
{
    struct yaml_reader *r = yaml_open(bytes, len);
    struct err ignored;
    bool ok = true;
    for (size_t i = 0; i <= index && ok; i++) {
        yaml_event_t e;
        if (next_content(r, &e, &ignored) <= 0)
            break;
        if (i == index)
            steps_found(steps, 0, byte_of(r, e.start_mark));
        ok = locate_node(r, &e, steps, i == index ? 0 : NOWHERE);
        yaml_event_delete(&e);
    }
    yaml_close(r);
}
