/* Every member of the broker's schemas is a row of a table here: where it goes, or why it cannot.
 * A component (executable, compute, storage, data, volume) says by its `kind` which table is its.
 */
#include "model/broker.h"
#include "model/carry.h"
#include "text/buf.h"
#include "text/uri.h"

#define EXECUTABLE "https://www.purl.org/ivoa.net/executable-types/"
#define RESOURCE "https://www.purl.org/ivoa.net/resource-types/"
#define STORAGE "https://www.purl.org/ivoa.net/storage-types/"

static carry carry_component, carry_components, carry_period, carry_volumes;

#define BY_SERVICE "the service that answers fills it in"
#define COSTS "a task says nothing of costs and metrics; compare the offers by yourself"
#define PLACED "staged data has a place of its own; mount the data itself by a volume"
#define DESCRIBES "it describes the data, and is not needed to fetch it"
#define OBJECT_TYPE "what the object is, Rucio knows"

static const struct member meta_members[] = {
    {"kind", carry_nothing, NULL},
    {"meta/name", carry_put, "name"},
    {"meta/uuid", carry_lose, BY_SERVICE},
    {"meta/url", carry_lose, BY_SERVICE},
    {"meta/created", carry_lose, BY_SERVICE},
    {"meta/modified", carry_lose, BY_SERVICE},
    {"meta/messages", carry_lose, BY_SERVICE},
    {"meta/options", carry_lose, BY_SERVICE},
    {"costs", carry_lose, COSTS},
    {"metrics", carry_lose, COSTS},
    {0},
};

static const struct member request_members[] = {
    {"name", carry_put, "name"},
    {"description", carry_put, "description"},
    {"meta/description", carry_put, "description"},
    {"executable", carry_component, "executable"},
    {"compute", carry_component, "resources/compute"},
    {"storage", carry_components, "resources/storage"},
    {"data", carry_components, "resources/storage"},
    {"schedule/requested", carry_period, "datetime"},
    {0},
};

static const struct member period_members[] = {
    {"start", carry_window, "start"},
    {"duration", carry_put, "minduration"},
    {0},
};

static const struct member component_members[] = {
    {"meta/description", carry_put, "x-description"},
    {"phase", carry_lose, BY_SERVICE},
    {"schedule", carry_lose,
     "when a component is prepared and released is for the platform to plan; say when the job may "
     "start in schedule/requested"},
    {0},
};

static const struct member docker_members[] = {
    {"image/locations", carry_image, "spec"},
    {"image/digest", carry_digest, "spec/digest"},
    {"image/platform/architecture", carry_put, "spec/arch"},
    {"image/platform/os", carry_put, "spec/os"},
    {"privileged", carry_privileged, NULL},
    {"command", carry_put, "spec/command"},
    {"entrypoint", carry_put, "spec/entrypoint"},
    {"environment", carry_put, "spec/environment"},
    {"network", carry_lose,
     "a job has no network and publishes no ports; have the program leave its results in "
     "/outputs"},
    {0},
};

static const struct member singularity_members[] = {
    {"kind", carry_kind,
     "is run as an OCI container; the home directory and other files of the host are not seen in "
     "it"},
    {"location", carry_image, "spec"},
    {0},
};

static const struct member notebook_members[] = {
    {"location", carry_put, "spec/notebook"},
    {0},
};

static const struct member compute_members[] = {
    {"cores/min", carry_put, "spec/mincores"},
    {"cores/max", carry_put, "spec/maxcores"},
    {"memory/min", carry_put, "spec/minmemory"},
    {"memory/max", carry_put, "spec/maxmemory"},
    {"memory/units", carry_units, NULL},
    {"volumes", carry_volumes, "volumes"},
    {0},
};

static const struct member volume_members[] = {
    {"path", carry_put, "path"},
    {"mode", carry_mode, "mode"},
    {"resource", carry_put, "resource"},
    {0},
};

static const struct member storage_members[] = {
    {"size/min", carry_put, "spec/minsize"},
    {"size/max", carry_put, "spec/maxsize"},
    {"size/units", carry_units, NULL},
    {"data", carry_lose, PLACED},
    {0},
};

static const struct member simple_data_members[] = {
    {"location", carry_put, "spec/location"},
    {"storage", carry_lose, PLACED},
    {0},
};

static const struct member s3_data_members[] = {
    {"endpoint", carry_put, "spec/endpoint"}, {"template", carry_put, "spec/template"},
    {"bucket", carry_put, "spec/bucket"},     {"object", carry_put, "spec/object"},
    {"storage", carry_lose, PLACED},          {0},
};

static const struct member rucio_data_members[] = {
    {"rucio/endpoint", carry_put, "spec/endpoint"},
    {"rucio/scope", carry_put, "spec/domain"},
    {"rucio/object", carry_put, "spec/objectid"},
    {"rucio/type", carry_lose, OBJECT_TYPE},
    {"storage", carry_lose, PLACED},
    {0},
};

/* The data lake is Rucio's: a namespace is a scope. */
static const struct member skao_data_members[] = {
    {"skao/namespace", carry_put, "spec/domain"},
    {"skao/objectname", carry_put, "spec/objectid"},
    {"skao/objecttype", carry_lose, OBJECT_TYPE},
    {"skao/datasize", carry_bytes, "spec/size"},
    {"skao/checksum", carry_checksum, "spec/checksum"},
    {"skao/replicas", carry_lose, "where copies are, the data lake knows"},
    {"ivoa/*", carry_lose, DESCRIBES},
    {"storage", carry_lose, PLACED},
    {0},
};

/* Fetched from where ObsCore says, or DataLink where ObsCore says nothing. */
static const struct member obscore_data_members[] = {
    {"ivoa/obscore/access_url", carry_put, "spec/location"},
    {"ivoa/obscore/*", carry_lose, DESCRIBES},
    {"ivoa/datalink/*", carry_lose, DESCRIBES},
    {"ivoa/*", carry_lose, DESCRIBES},
    {"skao/*", carry_lose, DESCRIBES},
    {"storage", carry_lose, PLACED},
    {0},
};

static const struct member datalink_data_members[] = {
    {"ivoa/obscore/*", carry_lose, DESCRIBES},
    {"ivoa/datalink/access_url", carry_put, "spec/location"},
    {"ivoa/datalink/content_length", carry_bytes, "spec/size"},
    {"ivoa/datalink/*", carry_lose, DESCRIBES},
    {"ivoa/*", carry_lose, DESCRIBES},
    {"skao/*", carry_lose, DESCRIBES},
    {"storage", carry_lose, PLACED},
    {0},
};

/* A kind nobody here knows is carried as a type nobody here knows (EP-05). */
static const struct member foreign_members[] = {
    {"volumes", carry_volumes, "volumes"},
    {"*", carry_put, "spec"},
    {0},
};

#define ITSELF "" /* the kind is the type */

/* The first row that fits is the one. */
static const struct row {
    const char *area;
    const char *name;  /* the last part of the kind; NULL: any */
    const char *needs; /* fits only with this member */
    const char *type;  /* NULL: by the scheme of the member needed, if that is in `schemes` */
    const struct member *members;
    const char *must; /* a request without it is wrong, or NULL */
} kinds[] = {
    {"executable", "docker-container", NULL, EXECUTABLE "oci-container", docker_members,
     "image/locations"},
    {"executable", "singularity-container", "location", NULL, singularity_members, NULL},
    {"executable", "singularity-container", NULL, ITSELF, foreign_members, "location"},
    {"executable", "jupyter-notebook", NULL, EXECUTABLE "jupyter-notebook", notebook_members,
     "location"},
    {"compute", "simple-compute-resource", NULL, RESOURCE "generic-compute", compute_members, NULL},
    {"volume", "simple-volume-mount", NULL, NULL, volume_members, NULL},
    {"storage", "simple-storage-resource", NULL, STORAGE "ephemeral-storage", storage_members,
     NULL},
    {"data", "simple-data-resource", "location", NULL, simple_data_members, NULL},
    {"data", "simple-data-resource", NULL, ITSELF, foreign_members, "location"},
    {"data", "S3-data-resource", NULL, STORAGE "amazon-s3", s3_data_members, "bucket"},
    {"data", "rucio-data-resource", NULL, STORAGE "rucio-storage", rucio_data_members,
     "rucio/object"},
    {"data", "skao-data-resource", "skao/objectname", STORAGE "rucio-storage", skao_data_members,
     NULL},
    {"data", "skao-data-resource", "ivoa/obscore/access_url", NULL, obscore_data_members, NULL},
    {"data", "skao-data-resource", "ivoa/datalink/access_url", NULL, datalink_data_members, NULL},
    {"data", "ivoa-data-resource", "ivoa/obscore/access_url", NULL, obscore_data_members, NULL},
    {"data", "ivoa-data-resource", "ivoa/datalink/access_url", NULL, datalink_data_members, NULL},
    {"executable", NULL, NULL, ITSELF, foreign_members, NULL},
    {"compute", NULL, NULL, ITSELF, foreign_members, NULL},
    {"storage", NULL, NULL, ITSELF, foreign_members, NULL},
    {"data", NULL, NULL, ITSELF, foreign_members, NULL},
};

static const struct {
    const char *area, *scheme, *type;
} schemes[] = {
    {"executable", "docker", EXECUTABLE "oci-container"},
    {"data", "http", STORAGE "http-storage"},
    {"data", "https", STORAGE "http-storage"},
    {"data", "file", STORAGE "file-storage"},
    {"data", "s3", STORAGE "amazon-s3"},
    {"data", "vos", STORAGE "vospace-storage"},
    {"data", "", STORAGE "file-storage"},
};

/* The spellings of a kind that were published: one of these, AREA/NAME, one of those. */
static const char *const prefixes[] = {
    "https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds/",
    "https://www.purl.org/ivoa.net/EB/schema/v1.0/kinds/",
    "https://www.purl.org/ivoa.net/EB/schema/v1.0/types/",
};
static const char *const suffixes[] = {"-1.0.yaml", "-1.0", ".yaml", ""};

char *broker_kind(const char *kind)
{
    for (size_t i = 0; kind && i < COUNT(prefixes); i++) {
        if (!str_begins(kind, prefixes[i]))
            continue;
        const char *name = strrchr(kind, '/') + 1;
        size_t n = strlen(name), k = 0;
        while (n < strlen(suffixes[k]) || !str_same(name + n - strlen(suffixes[k]), suffixes[k]))
            k++;
        return str_print("%.*s", (int)(n - strlen(suffixes[k])), name);
    }
    return NULL;
}

static bool is_kind(const json_t *component)
{
    own(str_fini) char *name = broker_kind(json_text(component, "kind"));
    return name != NULL;
}

bool broker_is(const json_t *doc)
{
    static const char *const singles[] = {"executable", "compute"};
    static const char *const lists[] = {"storage", "data", "offers"};
    bool is = is_kind(doc) || json_object_get(json_object_get(doc, "schedule"), "requested");
    for (size_t i = 0; i < COUNT(singles); i++) {
        const json_t *one = json_object_get(doc, singles[i]);
        is |= is_kind(one) || (json_text(one, "kind") && !json_object_get(one, "type") &&
                               !json_object_get(one, "spec"));
    }
    for (size_t i = 0; i < COUNT(lists); i++)
        is |= is_kind(json_array_get(json_object_get(doc, lists[i]), 0));
    return is;
}

/* --- parts */

static const struct member *row_of(const struct part *p, const char *path)
{
    for (const struct member *const *table = p->tables; *table; table++)
        for (const struct member *row = *table; row->from; row++)
            if (str_same(row->from, path))
                return row;
    return NULL;
}

/* Does a row say something of what is below this path? */
static bool leads_on(const struct part *p, const char *path)
{
    size_t n = strlen(path);
    for (const struct member *const *table = p->tables; *table; table++)
        for (const struct member *row = *table; row->from; row++)
            if (strncmp(row->from, path, n) == 0 && row->from[n] == '/')
                return true;
    return false;
}

static void walk(struct part *p, json_t *object, const char *below);

static void walk_member(struct part *p, const char *path, json_t *value)
{
    const struct member *row = row_of(p, path);
    own(str_fini) char *deeper = str_print("%s/", path);
    if (json_is_null(value))
        finding_add(p->all->findings, FINDING_NOTICE, "sloppy-form", p->at->text,
                    "%s: null is read as not given", pointer_last(path));
    else if (json_string_value(value) &&
             strlen(json_string_value(value)) != json_string_length(value))
        carry_refuse(p, "nul-character",
                     "the string holds a NUL character, which no program can take");
    else if (row)
        row->carry(p, row->to, value);
    else if (json_is_object(value))
        walk(p, value, deeper);
    else
        carry_refuse(p, "wrong-type", "expected a mapping");
}

/* The key may hold anything. Where it came from follows from the place of its part. */
static void put_as(struct part *p, const char *into, const char *key, json_t *value)
{
    json_t *object = json_object_get(p->to, into);
    if (!object) {
        object = json_object();
        json_object_set_new(p->to, into, object);
    }
    json_object_set(object, key, value);
}

/* Each member of an object that stands at `below` in its part: "", "meta/"... */
static void walk(struct part *p, json_t *object, const char *below)
{
    const char *key;
    json_t *value;
    own(buf_fini) struct buf dropped = {0};
    own(str_fini) char *star = str_print("%s*", below);
    const struct member *rest = row_of(p, star);
    json_object_foreach (object, key, value) {
        own(str_fini) char *path = str_print("%s%s", below, key);
        size_t up = pointer_key(p->at, key);
        bool is_step = !strpbrk(key, "/*"); /* what the tables can name */
        if (is_step && (row_of(p, path) || leads_on(p, path)))
            walk_member(p, path, value);
        else if (rest && rest->carry == carry_put)
            put_as(p, rest->to, key, value);
        else if (rest)
            buf_print(&dropped, "%s%s", dropped.len ? ", " : "", key);
        else if (str_begins(key, "x-"))
            json_object_set(p->to, key, value);
        else
            carry_refuse_key(p, key, below);
        pointer_up(p->at, up);
    }
    if (dropped.len)
        carry_drop(p, dropped.bytes, rest->to);
}

static json_t *find(json_t *component, const char *path)
{
    own(str_fini) char *pointer = str_print("/%s", path);
    json_t *v = pointer_find(component, pointer);
    return json_is_null(v) ? NULL : v;
}

/* NULL: the row does not fit. */
static const char *type_by(const struct row *row, json_t *component)
{
    const json_t *needed = row->needs ? find(component, row->needs) : NULL;
    if (row->needs && !needed)
        return NULL;
    if (row->type || !row->needs)
        return row->type && *row->type ? row->type : json_text(component, "kind");
    const char *url = json_string_value(needed);
    own(str_fini) char *scheme = url ? uri_scheme(url) : NULL;
    for (size_t i = 0; url && i < COUNT(schemes); i++)
        if (str_same(schemes[i].area, row->area) &&
            str_same(schemes[i].scheme, scheme ? scheme : ""))
            return schemes[i].type;
    return NULL;
}

/* The row for this component, with the type it becomes; NULL after saying what is wrong. */
static const struct row *row_for(struct part *p, json_t *component, const char **type)
{
    const char *kind = json_text(component, "kind"), *elsewhere = NULL;
    own(str_fini) char *name = broker_kind(kind);
    for (size_t i = 0; kind && i < COUNT(kinds); i++) {
        if (kinds[i].name && str_same(kinds[i].name, name) && !str_same(kinds[i].area, p->area))
            elsewhere = kinds[i].area;
        if (!str_same(kinds[i].area, p->area) || (kinds[i].name && !str_same(kinds[i].name, name)))
            continue;
        *type = type_by(&kinds[i], component);
        if (*type && !elsewhere)
            return &kinds[i];
    }
    size_t up = kind ? pointer_key(p->at, "kind") : p->at->len;
    if (elsewhere)
        carry_refuse(p, "wrong-type-here", "a %s is one of %s, expected one of %s", name, elsewhere,
                     p->area);
    else if (kind)
        carry_refuse(p, "bad-value", "\"%s\" is no kind of %s known here", kind, p->area);
    else
        carry_refuse(p, json_is_object(component) ? "missing-key" : "wrong-type",
                     "expected a mapping with a kind that says which %s it is", p->area);
    pointer_up(p->at, up);
    return NULL;
}

/* What a component becomes, a new reference, or NULL after saying what is wrong. */
static json_t *component(struct part *up, const char *area, json_t *from, const char *place,
                         const char *name)
{
    struct part p = {up->all, {NULL}, area, up->at, NULL, place};
    const char *type;
    json_t *own_name = find(from, "meta/name");
    const struct row *row = row_for(&p, from, &type);
    if (!row)
        return NULL;
    if (row->must && !find(from, row->must)) {
        carry_refuse(&p, "missing-key", "the key \"%s\" is missing", row->must);
        return NULL;
    }
    own(str_fini) char *spec = str_print("%s/spec", place);
    own(str_fini) char *kind = str_print("%s/kind", p.at->text);
    own(str_fini) char *to = str_print("%s/type", place);
    moves_add(p.all->moves, place, p.at->text);
    moves_add(p.all->moves, spec, p.at->text);
    moves_add(p.all->moves, to, kind);
    p.tables[0] = row->members;
    p.tables[1] = component_members;
    p.tables[2] = meta_members;
    p.to = json_object();
    if (own_name || name) /* first in the canonical form, too */
        json_object_set_new(p.to, "name", own_name ? json_incref(own_name) : json_string(name));
    if (row->type || row->needs) /* a volume has none */
        json_object_set_new(p.to, "type", json_string(type));
    walk(&p, from, "");
    return p.to;
}

static void carry_component(struct part *p, const char *to, json_t *value)
{
    bool list = !str_same(to, "executable");
    own(str_fini) char *place = str_print("/%s%s", to, list ? "/0" : "");
    own(str_fini) char *area = str_new(pointer_last(p->at->text));
    json_t *made = component(p, area, value, place, NULL);
    own(json_fini) json_t *whole = made && list ? json_pack("[o]", made) : made;
    if (whole)
        carry_set(p, to, whole);
}

/* A volume may name what it mounts by its uuid or its url. */
static void note_ids(struct import *all, const json_t *meta, const char *name)
{
    static const char *const keys[] = {"uuid", "url"};
    for (size_t i = 0; i < COUNT(keys); i++)
        if (json_text(meta, keys[i]))
            json_object_set_new(all->ids, json_text(meta, keys[i]), json_string(name));
}

static void carry_components(struct part *p, const char *to, json_t *value)
{
    own(str_fini) char *area = str_new(pointer_last(p->at->text));
    struct import *all = p->all;
    size_t i;
    json_t *item;
    if (!json_is_array(value)) {
        carry_refuse(p, "wrong-type", "expected a list");
        return;
    }
    json_array_foreach (value, i, item) {
        own(str_fini) char *place = str_print("/%s/%zu", to, json_array_size(all->storages));
        own(str_fini) char *name = str_print("%s-%03zu", area, i + 1);
        size_t up = pointer_index(p->at, i);
        json_t *made = component(p, area, item, place, name);
        if (made) {
            note_ids(all, json_object_get(item, "meta"), json_text(made, "name"));
            json_array_append_new(all->storages, made);
        }
        pointer_up(p->at, up);
    }
    if (json_array_size(all->storages))
        carry_set(p, to, all->storages);
}

static void carry_volumes(struct part *p, const char *to, json_t *value)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value)) {
        carry_refuse(p, "wrong-type", "expected a list");
        return;
    }
    own(json_fini) json_t *list = json_array();
    json_array_foreach (value, i, item) {
        own(str_fini) char *place = str_print("%s/%s/%zu", p->place, to, i);
        size_t up = pointer_index(p->at, i);
        json_t *made = component(p, "volume", item, place, NULL);
        if (made)
            json_array_append_new(list, made);
        pointer_up(p->at, up);
    }
    carry_set(p, to, list);
}

static void carry_period(struct part *up, const char *to, json_t *value)
{
    own(json_fini) json_t *list = json_pack("[{}]");
    struct part p = {up->all, {period_members},        NULL,
                     up->at,  json_array_get(list, 0), "/datetime/0"};
    if (!json_is_object(value)) {
        carry_refuse(up, "wrong-type", "expected a mapping");
        return;
    }
    moves_add(up->all->moves, p.place, p.at->text);
    walk(&p, value, "");
    carry_set(up, to, list);
}

static void resolve_volumes(struct import *all, json_t *task)
{
    size_t i;
    json_t *volume;
    json_array_foreach (pointer_find(task, "/resources/compute/0/volumes"), i, volume) {
        const char *resource = json_text(volume, "resource");
        json_t *name = resource ? json_object_get(all->ids, resource) : NULL;
        if (name)
            json_object_set(volume, "resource", name);
    }
}

/* A request has no name of its own: the executable's is the task's, too. */
static void name_task(struct import *all, json_t *task, json_t *doc)
{
    static const struct {
        const char *key, *from, *written;
    } keys[] = {
        {"name", "name", "/executable/meta/name"},
        {"description", "x-description", "/executable/meta/description"},
    };
    json_t *executable = json_object_get(task, "executable");
    json_object_clear(doc);
    for (size_t i = 0; i < COUNT(keys); i++) {
        json_t *own_value = json_object_get(task, keys[i].key);
        json_t *value = own_value ? own_value : json_object_get(executable, keys[i].from);
        if (!value)
            continue;
        json_object_set(doc, keys[i].key, value);
        if (own_value)
            continue;
        own(str_fini) char *to = str_print("/%s", keys[i].key);
        moves_add(all->moves, to, keys[i].written);
        if (!str_same(keys[i].key, keys[i].from))
            json_object_del(executable, keys[i].from);
    }
    json_object_update(doc, task);
}

static bool is_answer(const json_t *doc)
{
    own(str_fini) char *name = broker_kind(json_text(doc, "kind"));
    return json_object_get(doc, "offers") || json_object_get(doc, "result") ||
           (name && (strstr(name, "offerset") || strstr(name, "session")));
}

bool broker_import(enum kind kind, json_t *doc, struct moves *moves, struct findings *findings)
{
    struct pointer at = {0};
    own(json_fini) json_t *task = json_object();
    own(json_fini) json_t *storages = json_array();
    own(json_fini) json_t *ids = json_object();
    struct import all = {moves, findings, storages, ids};
    struct part p = {&all, {request_members, meta_members}, NULL, &at, task, ""};
    const size_t errors = findings->errors;
    if (is_answer(doc)) {
        struct finding *f =
            finding_add(findings, FINDING_ERROR, "not-a-request", "",
                        "this is what an ExecutionBroker answered, expected a request for one");
        finding_hint(f, "accept its offers there; what was asked can be read here");
        return false;
    }
    if (kind != KIND_TASK) /* its own schema will say what it is not */
        return true;
    walk(&p, doc, "");
    if (findings->errors > errors)
        return false;
    resolve_volumes(&all, task);
    name_task(&all, task, doc);
    return true;
}
