/* Sets of schemas: reading, identifiers, references; each schema compiled into its steps. */
#include "model/schema.h"
#include <search.h>
#include "model/keyword.h"
#include "text/uri.h"

struct document {
    char *uri; /* where it was read, or the base it was given */
    json_t *json;
    const struct schema *root; /* NULL: read, not compiled (a meta-schema) */
};

struct schema_set {
    struct schema_reading reading;
    struct document *documents;
    struct resource **resources;
    struct schema **schemas;
    struct step **references; /* not followed yet */
    size_t ndocuments, nresources, nschemas, nreferences;
    json_t *by_uri; /* resources by their URI: index */
    bool failed;    /* a load did: what is compiled may refer to nothing */
    void *by_json;  /* tsearch: every schema that is a mapping, by its json_t */
};

/* The usual dialect: `format` tells and does not assert. */
static const unsigned usual = VOCABULARY_CORE | VOCABULARY_APPLICATOR | VOCABULARY_UNEVALUATED |
                              VOCABULARY_VALIDATION | VOCABULARY_METADATA | VOCABULARY_FORMAT |
                              VOCABULARY_CONTENT;

static const struct {
    const char *uri;
    unsigned bit;
} vocabularies[] = {
    {"https://json-schema.org/draft/2020-12/vocab/core", VOCABULARY_CORE},
    {"https://json-schema.org/draft/2020-12/vocab/applicator", VOCABULARY_APPLICATOR},
    {"https://json-schema.org/draft/2020-12/vocab/unevaluated", VOCABULARY_UNEVALUATED},
    {"https://json-schema.org/draft/2020-12/vocab/validation", VOCABULARY_VALIDATION},
    {"https://json-schema.org/draft/2020-12/vocab/meta-data", VOCABULARY_METADATA},
    {"https://json-schema.org/draft/2020-12/vocab/format-annotation", VOCABULARY_FORMAT},
    {"https://json-schema.org/draft/2020-12/vocab/format-assertion",
     VOCABULARY_FORMAT | VOCABULARY_FORMAT_ASSERTION},
    {"https://json-schema.org/draft/2020-12/vocab/content", VOCABULARY_CONTENT},
};

/* What is being compiled. */
struct compiling {
    struct schema_set *set;
    struct resource *resource; /* NULL before the document's root */
    const char *base;          /* the document's URI */
    struct err *err;
};

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t)((const struct schema *)a)->json;
    const uintptr_t y = (uintptr_t)((const struct schema *)b)->json;
    return (x > y) - (x < y);
}

static const struct schema *schema_of(const struct schema_set *set, json_t *json)
{
    const struct schema key = {.json = json};
    void *node = tfind(&key, (void *const *)&set->by_json, by_address);
    return node ? *(const struct schema **)node : NULL;
}

struct schema_set *schema_set_new(const struct schema_reading *reading)
{
    struct schema_set *set = mem_new(sizeof(*set));
    set->reading = *reading;
    set->by_uri = json_object();
    return set;
}

static void schema_free(struct schema *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct step *step = &s->steps[i];
        for (size_t k = 0; k < step->n; k++)
            pattern_free(step->branches[k].pattern);
        pattern_free(step->pattern);
        free(step->branches);
    }
    free(s->steps);
    free(s->pointer);
    free(s);
}

static void leave_be(void *node)
{
    (void)node;
}

void schema_set_free(struct schema_set *set)
{
    if (!set)
        return;
    tdestroy(set->by_json, leave_be);
    for (size_t i = 0; i < set->nschemas; i++)
        schema_free(set->schemas[i]);
    for (size_t i = 0; i < set->nresources; i++) {
        json_decref(set->resources[i]->names);
        free(set->resources[i]->anchors);
        free(set->resources[i]->uri);
        free(set->resources[i]);
    }
    for (size_t i = 0; i < set->ndocuments; i++) {
        json_decref(set->documents[i].json);
        free(set->documents[i].uri);
    }
    json_decref(set->by_uri);
    free(set->schemas);
    free(set->resources);
    free(set->documents);
    free(set->references);
    free(set);
}

void schema_set_fini(struct schema_set **set)
{
    schema_set_free(*set);
    *set = NULL;
}

const struct schema_reading *schema_set_reading(const struct schema_set *set)
{
    return &set->reading;
}

const struct anchor *anchor_find(const struct resource *resource, const char *name)
{
    const json_t *index = json_object_get(resource->names, name);
    return index ? &resource->anchors[json_integer_value(index)] : NULL;
}

/* ---- documents --------------------------------------------------------------------------- */

static struct document *document_find(struct schema_set *set, const char *uri)
{
    for (size_t i = 0; i < set->ndocuments; i++)
        if (strcmp(set->documents[i].uri, uri) == 0)
            return &set->documents[i];
    return NULL;
}

static struct document *document_keep(struct schema_set *set, const char *uri, json_t *json)
{
    set->documents = mem_grow(set->documents, set->ndocuments + 1, sizeof(*set->documents));
    struct document *d = &set->documents[set->ndocuments++];
    *d = (struct document){str_new(uri), json_incref(json), NULL};
    return d;
}

static struct document *document_read(struct schema_set *set, const char *uri, struct err *err)
{
    struct document *d = document_find(set, uri);
    if (d)
        return d;
    own(json_fini) json_t *json = set->reading.read(set->reading.context, uri, err);
    return json ? document_keep(set, uri, json) : NULL;
}

/* Which vocabularies a schema's $schema chooses; 0 with err. */
static unsigned dialect_of(struct schema_set *set, const char *dialect, struct err *err)
{
    unsigned bits = VOCABULARY_CORE;
    const char *uri;
    json_t *needed;
    if (str_same(dialect, SCHEMA_DIALECT) || str_same(dialect, SCHEMA_DIALECT "#"))
        return usual;
    if (strstr(dialect, "json-schema.org/draft")) {
        err_set(err, CODE_CONFIG, "the dialect %s is not understood, expected %s", dialect,
                SCHEMA_DIALECT);
        return 0;
    }
    const struct document *meta = document_read(set, dialect, err);
    if (!meta) {
        err_wrap(err, "the dialect of the schema");
        return 0;
    }
    json_t *list = json_object_get(meta->json, "$vocabulary");
    json_object_foreach (list, uri, needed) {
        size_t i = 0;
        while (i < COUNT(vocabularies) && !str_same(vocabularies[i].uri, uri))
            i++;
        if (i < COUNT(vocabularies)) {
            bits |= vocabularies[i].bit;
        } else if (json_is_true(needed)) {
            err_set(err, CODE_CONFIG,
                    "the dialect %s needs the vocabulary %s, nobody here knows it", dialect, uri);
            return 0;
        }
    }
    return list ? bits : usual;
}

/* ---- compiling --------------------------------------------------------------------------- */

static struct schema *compile(struct compiling *c, json_t *json, const struct schema *place);

char *schema_location(const struct schema *s)
{
    if (!s->above || s->resource->root == s)
        return str_print("%s#%s", s->resource->uri, s->pointer ? s->pointer : "");
    own(str_fini) char *above = schema_location(s->above->schema);
    struct pointer p = {0};
    pointer_key(&p, s->above->keyword->name);
    if (s->key)
        pointer_key(&p, s->key);
    else if (s->index >= 0)
        pointer_index(&p, (size_t)s->index);
    return str_print("%s%s", above, p.text);
}

/* Says what is wrong with the schema that stands at a place, of which there may be none yet. */
static int misplaced(struct compiling *c, const struct schema *place, const char *fmt, ...)
    PRINTF(3, 4);

static int misplaced(struct compiling *c, const struct schema *place, const char *fmt, ...)
{
    struct schema here = *place;
    here.resource = here.resource ? here.resource : c->resource;
    own(str_fini) char *location =
        here.resource ? schema_location(&here) : str_print("%s#", c->base);
    va_list ap;
    va_start(ap, fmt);
    own(str_fini) char *text = str_vprint(fmt, ap);
    va_end(ap);
    return err_set(c->err, CODE_CONFIG, "%s: %s", location, text);
}

/* A URI without "#", which is the same. */
static char *without_fragment(const char *uri)
{
    return str_print("%.*s", (int)strcspn(uri, "#"), uri);
}

/* The schema opens a resource: the document itself, or what has an $id. */
static int open_resource(struct compiling *c, struct schema *s)
{
    const char *id = json_text(s->json, "$id"), *dialect = json_text(s->json, "$schema");
    if (c->resource && !id)
        return 0;
    own(str_fini) char *full = uri_resolve(c->resource ? c->resource->uri : c->base, id ? id : "");
    const char *fragment = strchr(full, '#');
    if (fragment && fragment[1])
        return misplaced(c, s, "the $id \"%s\" must not have a fragment", id);
    unsigned bits = !dialect && c->resource ? c->resource->vocabulary : usual;
    if (dialect && !(bits = dialect_of(c->set, dialect, c->err)))
        return -1;
    struct schema_set *set = c->set;
    struct resource *r = mem_new(sizeof(*r));
    set->resources = mem_grow(set->resources, set->nresources + 1, sizeof(*set->resources));
    set->resources[set->nresources++] = r;
    r->uri = without_fragment(full);
    r->names = json_object();
    if (!json_object_get(set->by_uri, r->uri))
        json_object_set_new(set->by_uri, r->uri, json_integer((json_int_t)set->nresources - 1));
    r->root = s;
    r->vocabulary = bits;
    c->resource = r;
    return 0;
}

static void note_anchors(struct resource *r, const struct schema *s)
{
    static const char *const keys[] = {"$anchor", "$dynamicAnchor"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        const char *name = json_text(s->json, keys[i]);
        if (!name)
            continue;
        r->anchors = mem_grow(r->anchors, r->n + 1, sizeof(*r->anchors));
        if (!json_object_get(r->names, name))
            json_object_set_new(r->names, name, json_integer((json_int_t)r->n));
        r->anchors[r->n++] = (struct anchor){name, i == 1, s};
    }
}

static bool is_name_list(const json_t *v)
{
    size_t i;
    json_t *name;
    json_array_foreach (v, i, name)
        if (!json_is_string(name))
            return false;
    return json_is_array(v);
}

static bool is_names_map(json_t *v)
{
    const char *key;
    json_t *names;
    json_object_foreach (v, key, names)
        if (!is_name_list(names))
            return false;
    return json_is_object(v);
}

static bool is_type(const json_t *v)
{
    static const char *const names[] = {"null",   "boolean", "object", "array",
                                        "number", "string",  "integer"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_same(names[i], json_string_value(v)))
            return true;
    return false;
}

static bool is_types(const json_t *v)
{
    size_t i;
    json_t *type;
    json_array_foreach (v, i, type)
        if (!is_type(type))
            return false;
    return json_is_array(v) || is_type(v);
}

/* What is expected at the keyword when it is not there; NULL when all is well. */
static const char *misfit(enum operand operand, json_t *v)
{
    switch (operand) {
    case OPERAND_ANY:
    case OPERAND_SCHEMA: /* compile says so */
        return NULL;
    case OPERAND_STRING:
    case OPERAND_PATTERN:
    case OPERAND_REFERENCE:
        return json_is_string(v) ? NULL : "a string";
    case OPERAND_BOOLEAN:
        return json_is_boolean(v) ? NULL : "true or false";
    case OPERAND_NUMBER:
        return json_is_number(v) ? NULL : "a number";
    case OPERAND_STEP:
        return json_number_value(v) > 0 ? NULL : "a number above 0";
    case OPERAND_COUNT:
        return json_is_number(v) && json_number_value(v) >= 0 ? NULL : "a number from 0 on";
    case OPERAND_LIST:
        return json_is_array(v) ? NULL : "a list";
    case OPERAND_NAMES:
        return is_name_list(v) ? NULL : "a list of strings";
    case OPERAND_NAMES_MAP:
        return is_names_map(v) ? NULL : "a mapping of lists of strings";
    case OPERAND_TYPES:
        return is_types(v) ? NULL : "null, boolean, object, array, number, string, integer";
    case OPERAND_SCHEMAS:
        return json_array_size(v) ? NULL : "a list of schemas";
    case OPERAND_MAPPING:
    case OPERAND_SCHEMA_MAP:
    case OPERAND_PATTERN_MAP:
        return json_is_object(v) ? NULL : "a mapping";
    }
    return NULL;
}

static struct branch *add_branch(struct step *step, const char *key)
{
    step->branches = mem_grow(step->branches, step->n + 1, sizeof(*step->branches));
    step->branches[step->n] = (struct branch){.key = key};
    return &step->branches[step->n++];
}

/* Where the keyword stands goes before what is wrong with it. */
static int in_step(struct err *err, const struct step *step)
{
    own(str_fini) char *location = schema_location(step->schema);
    return err_wrap(err, "%s/%s", location, step->keyword->name);
}

static int compile_below(struct compiling *c, struct step *step, json_t *json, const char *key,
                         int index)
{
    const struct schema place = {.above = step, .key = key, .index = index};
    struct branch *branch = add_branch(step, key);
    if (step->keyword->operand == OPERAND_PATTERN_MAP &&
        !(branch->pattern = pattern_new(key, c->err)))
        return in_step(c->err, step);
    const struct schema *below = compile(c, json, &place);
    step->branches[step->n - 1].schema = below;
    return below ? 0 : -1;
}

/* The schemas at a keyword. */
static int compile_branches(struct compiling *c, struct step *step)
{
    const char *key;
    json_t *sub;
    size_t i;
    const enum operand operand = step->keyword->operand;
    if (operand == OPERAND_SCHEMA)
        return compile_below(c, step, step->value, NULL, -1);
    if (operand == OPERAND_SCHEMAS)
        json_array_foreach (step->value, i, sub)
            if (compile_below(c, step, sub, NULL, (int)i) < 0)
                return -1;
    if (operand == OPERAND_SCHEMA_MAP || operand == OPERAND_PATTERN_MAP)
        json_object_foreach (step->value, key, sub)
            if (compile_below(c, step, sub, key, -1) < 0)
                return -1;
    return 0;
}

static int compile_step(struct compiling *c, struct step *step)
{
    const struct keyword *k = step->keyword;
    const char *expected = misfit(k->operand, step->value);
    if (expected) {
        err_set(c->err, CODE_CONFIG, "expected %s", expected);
        return in_step(c->err, step);
    }
    if (k->operand == OPERAND_PATTERN &&
        !(step->pattern = pattern_new(json_string_value(step->value), c->err)))
        return in_step(c->err, step);
    if (c->set->reading.own && str_same(k->name, "format") &&
        !format_known(json_string_value(step->value))) {
        err_set(c->err, CODE_CONFIG, "nobody here knows the format \"%s\"",
                json_string_value(step->value));
        return in_step(c->err, step);
    }
    if (k->operand == OPERAND_REFERENCE) {
        struct schema_set *set = c->set;
        set->references = mem_grow(set->references, set->nreferences + 1, sizeof(*set->references));
        set->references[set->nreferences++] = step;
    }
    return compile_branches(c, step);
}

static int unknown_keyword(struct compiling *c, const struct schema *s, const char *key)
{
    own(strs_fini) struct strs names = {0};
    if (!c->set->reading.own || str_begins(key, "x-"))
        return 0;
    keyword_names(&names);
    const char *near = near_miss(key, (const char *const *)names.list);
    return misplaced(c, s, "unknown keyword \"%s\"%s%s%s", key, near ? ", did you mean \"" : "",
                     near ? near : "", near ? "\"?" : "");
}

/* Every keyword becomes a step; what looks back comes last. */
static int compile_steps(struct compiling *c, struct schema *s)
{
    const char *key;
    json_t *value;
    s->steps = mem_new(json_object_size(s->json) * sizeof(*s->steps) + 1);
    for (int last = 0; last < 2; last++)
        json_object_foreach (s->json, key, value) {
            const struct keyword *k = keyword_find(key);
            if (!k && !last && unknown_keyword(c, s, key) < 0)
                return -1;
            if (!k || k->looks_back != last || !(k->vocabulary & s->resource->vocabulary))
                continue;
            struct step *step = &s->steps[s->n++];
            *step = (struct step){.keyword = k, .schema = s, .value = value};
            s->looks_back |= k->looks_back;
            if (compile_step(c, step) < 0)
                return -1;
        }
    return 0;
}

/* What properties and prefixItems have taken, additionalProperties and items leave alone. */
static void note_neighbours(struct schema *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct step *step = &s->steps[i];
        if (str_same(step->keyword->name, "properties"))
            s->properties = step;
        if (str_same(step->keyword->name, "patternProperties"))
            s->patterns = step;
        if (str_same(step->keyword->name, "prefixItems"))
            s->prefix = step;
    }
}

static struct schema *compile(struct compiling *c, json_t *json, const struct schema *place)
{
    struct schema_set *set = c->set;
    if (!json_is_object(json) && !json_is_boolean(json)) {
        misplaced(c, place, "expected a schema: a mapping, true or false");
        return NULL;
    }
    struct schema *s = mem_new(sizeof(*s));
    set->schemas = mem_grow(set->schemas, set->nschemas + 1, sizeof(*set->schemas));
    set->schemas[set->nschemas++] = s;
    *s = *place;
    s->json = json;
    s->set = set;
    s->pointer = str_new(place->pointer);
    struct resource *outer = c->resource;
    if (open_resource(c, s) < 0)
        return NULL;
    s->resource = c->resource;
    if (json_is_object(json)) {
        tsearch(s, &set->by_json, by_address);
        note_anchors(c->resource, s);
        if (compile_steps(c, s) < 0)
            return NULL;
        note_neighbours(s);
    }
    if (outer)
        c->resource = outer;
    return s;
}

/* ---- references -------------------------------------------------------------------------- */

static const struct resource *resource_find(const struct schema_set *set, const char *uri)
{
    const json_t *index = json_object_get(set->by_uri, uri);
    return index ? set->resources[json_integer_value(index)] : NULL;
}

static const struct schema *compile_document(struct schema_set *set, const char *uri, json_t *json,
                                             struct err *err)
{
    struct compiling c = {.set = set, .base = uri, .err = err};
    const struct schema place = {.index = -1};
    return compile(&c, json, &place);
}

/* What a JSON pointer names below a resource. A place where no keyword puts a schema may be meant
 * as one all the same. */
static const struct schema *schema_at(struct schema_set *set, const struct resource *resource,
                                      const char *pointer, struct err *err)
{
    json_t *json = pointer_find(resource->root->json, pointer);
    const struct schema *s = json ? schema_of(set, json) : NULL;
    if (s)
        return s;
    if (!json) {
        err_set(err, CODE_CONFIG, "there is nothing at %s#%s", resource->uri, pointer);
        return NULL;
    }
    struct compiling c = {set, (struct resource *)resource, resource->uri, err};
    const struct schema place = {.index = -1, .pointer = (char *)pointer};
    return compile(&c, json, &place);
}

/* The schema an absolute URI names, read if need be. */
static const struct schema *locate(struct schema_set *set, const char *uri, struct err *err)
{
    own(str_fini) char *base = without_fragment(uri);
    const char *hash = strchr(uri, '#');
    own(str_fini) char *fragment = uri_decode(hash ? hash + 1 : "");
    const struct resource *resource = resource_find(set, base);
    if (!resource) {
        struct document *d = document_read(set, base, err);
        if (!d)
            return NULL;
        if (!d->root) {
            const size_t index = (size_t)(d - set->documents);
            const struct schema *root = compile_document(set, base, d->json, err);
            if (!root)
                return NULL;
            d = &set->documents[index]; /* they may have moved */
            d->root = root;
        }
        resource = d->root->resource;
    }
    if (fragment && (*fragment == '\0' || *fragment == '/'))
        return schema_at(set, resource, fragment, err);
    const struct anchor *anchor = fragment ? anchor_find(resource, fragment) : NULL;
    if (!anchor) {
        err_set(err, CODE_CONFIG, "there is no anchor \"%s\" in %s", hash + 1, base);
        return NULL;
    }
    return anchor->schema;
}

/* $ref and $dynamicRef of all that was compiled; what they name may bring in more. */
static int follow_references(struct schema_set *set, struct err *err)
{
    while (set->nreferences > 0) {
        struct step *step = set->references[--set->nreferences];
        const struct resource *from = step->schema->resource;
        own(str_fini) char *uri = uri_resolve(from->uri, json_string_value(step->value));
        const struct schema *target = locate(set, uri, err);
        if (!target)
            return in_step(err, step);
        add_branch(step, NULL)->schema = target;
        const char *hash = strchr(uri, '#');
        const struct anchor *anchor = hash ? anchor_find(target->resource, hash + 1) : NULL;
        if (str_same(step->keyword->name, "$dynamicRef") && anchor && anchor->dynamic &&
            anchor->schema == target)
            step->dynamic = anchor->name;
    }
    return 0;
}

/* A mistake in a schema is one of the configuration, whatever it was when it was found. */
static const struct schema *finished(struct schema_set *set, const struct schema *s,
                                     struct err *err)
{
    if (s && !set->failed && follow_references(set, err) == 0)
        return s;
    if (s && set->failed)
        err_set(err, CODE_CONFIG, "the schemas could not be read before");
    set->failed = true;
    err->code = CODE_CONFIG;
    return NULL;
}

const struct schema *schema_load(struct schema_set *set, const char *uri, struct err *err)
{
    return finished(set, locate(set, uri, err), err);
}

const struct schema *schema_add(struct schema_set *set, const char *uri, json_t *document,
                                struct err *err)
{
    const size_t index = (size_t)(document_keep(set, uri, document) - set->documents);
    const struct schema *root = compile_document(set, uri, document, err);
    set->documents[index].root = root;
    return finished(set, root, err);
}
