#include "model/task.h"
#include "text/size.h"
#include "text/uri.h"

static int bad(struct err *err, const char *what, const char *why)
{
    return err_set(err, CODE_BUG, "a checked task has a bad %s: %s", what, why);
}

static int read_size(const json_t *spec, const char *key, bool up, int64_t *out, struct err *err)
{
    const json_t *v = json_object_get(spec, key);
    const char *why;
    if (v && size_parse(v, up, out, &why) < 0)
        return bad(err, key, why);
    return 0;
}

static int read_cores(const json_t *spec, const char *key, bool up, int64_t *out, struct err *err)
{
    const json_t *v = json_object_get(spec, key);
    const char *why;
    if (v && cores_parse(v, up, out, &why) < 0)
        return bad(err, key, why);
    return 0;
}

/* Minima round up, maxima down (decisions.md, "Numbers"). */
static int read_compute(struct task *t, const json_t *list, struct err *err)
{
    const json_t *item = json_array_get(list, 0);
    const json_t *spec = json_object_get(item, "spec");
    struct compute *c = &t->compute;
    t->ncompute = json_array_size(list);
    c->name = json_text(item, "name");
    c->type = json_text(item, "type");
    c->extras = json_object_get(spec, "extras");
    if (read_cores(spec, "mincores", true, &c->mincores, err) < 0 ||
        read_cores(spec, "maxcores", false, &c->maxcores, err) < 0 ||
        read_size(spec, "minmemory", true, &c->minmemory, err) < 0 ||
        read_size(spec, "maxmemory", false, &c->maxmemory, err) < 0)
        return -1;
    return 0;
}

/* s3://BUCKET/OBJECT, and where the service is: all that execdm-stage has to know. Without an
 * object it is the whole bucket (Planner 2.2.3). NULL when nothing but the location is given, or
 * nothing. */
static char *s3_location(const json_t *spec, const char *location)
{
    const char *bucket = json_text(spec, "bucket"), *object = json_text(spec, "object");
    const char *template = json_text(spec, "template");
    const char *endpoint = template ? template : json_text(spec, "endpoint");
    own(str_fini) char *name = uri_below("", bucket ? bucket : "");
    own(str_fini) char *key = uri_below("", object ? object : "");
    own(str_fini) char *service = uri_below("", endpoint ? endpoint : "");
    if (location && (!endpoint || !str_begins(location, "s3:") || strpbrk(location, "?#")))
        return NULL;
    if (location)
        return str_print("%s?endpoint=%s", location, service);
    return bucket ? str_print("s3://%s/%s%s%s", name, key, endpoint ? "?endpoint=" : "", service)
                  : NULL;
}

/* vos://AUTHORITY!NAME/PATH of the ivorn, and where the service is; it tells its name itself where
 * only the endpoint is given (Planner 2.2.3). NULL as above. */
static char *vos_location(const json_t *spec, const char *location)
{
    const char *endpoint = json_text(spec, "endpoint"), *ivorn = json_text(spec, "ivorn");
    const char *path = json_text(spec, "path");
    own(str_fini) char *service = uri_below("", endpoint ? endpoint : "");
    own(str_fini) char *node = uri_below("", path ? path + (*path == '/') : "");
    if (location && (!endpoint || !str_begins(location, "vos:") || strpbrk(location, "?#")))
        return NULL;
    if (location)
        return str_print("%s?endpoint=%s", location, service);
    if (!path || (!endpoint && !ivorn))
        return NULL;
    own(str_fini) char *name = str_new(ivorn && str_begins(ivorn, "ivo://") ? ivorn + 6 : "");
    name[strcspn(name, "?#")] = '\0';
    for (char *c = name; *c; c++)
        *c = *c == '/' ? '!' : *c;
    return str_print("vos://%s/%s%s%s", name, node, endpoint ? "?endpoint=" : "", service);
}

/* rucio://DOMAIN/OBJECTID, and where the service is. NULL as above. */
static char *rucio_location(const json_t *spec, const char *location)
{
    const char *endpoint = json_text(spec, "endpoint");
    const char *domain = json_text(spec, "domain"), *object = json_text(spec, "objectid");
    own(str_fini) char *scope = uri_below("", domain ? domain : "");
    own(str_fini) char *name = uri_below("", object ? object : "");
    own(str_fini) char *service = uri_below("", endpoint ? endpoint : "");
    if (location && (!endpoint || !str_begins(location, "rucio:") || strpbrk(location, "?#")))
        return NULL;
    if (location)
        return str_print("%s?endpoint=%s", location, service);
    return domain && object
               ? str_print("rucio://%s/%s%s%s", scope, name, endpoint ? "?endpoint=" : "", service)
               : NULL;
}

/* The types whose place is told by keys of their own. */
static char *derive_location(const struct storage *s)
{
    static const struct {
        const char *type;
        char *(*derive)(const json_t *spec, const char *location);
    } rows[] = {
        {STORAGE_TYPES "amazon-s3", s3_location},
        {STORAGE_TYPES "vospace-storage", vos_location},
        {STORAGE_TYPES "rucio-storage", rucio_location},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_same(s->type, rows[i].type))
            return rows[i].derive(s->spec, s->location);
    return NULL;
}

/* A node of VOSpace is a container or has data. Where one is written to and nothing is said it is a
 * container: what is mounted there is a directory (Planner 2.2.3). So is a place of Rucio that its
 * domain and objectid name, a dataset. */
const char *storage_kind(const struct storage *s)
{
    static const char *const containers[] = {"container", "ContainerNode", "vos:ContainerNode"};
    const char *said = json_text(s->spec, "type");
    if (str_same(s->type, STORAGE_TYPES "rucio-storage"))
        return s->used_for_write && !json_text(s->spec, "location") ? "directory" : NULL;
    if (!str_same(s->type, STORAGE_TYPES "vospace-storage") || str_same(said, "file") ||
        str_same(said, "directory"))
        return said;
    for (size_t i = 0; i < COUNT(containers); i++)
        if (str_same(said, containers[i]))
            return "directory";
    return said ? "file" : s->used_for_write ? "directory" : NULL;
}

bool storage_placed(const struct storage *s)
{
    return str_same(s->type, STORAGE_TYPES "persistent-storage") && !s->location;
}

bool storage_makeable(const char *location)
{
    static const char *const schemes[] = {"file", "http", "https", "s3", "vos"};
    own(str_fini) char *scheme = uri_scheme(location);
    for (size_t i = 0; i < COUNT(schemes); i++)
        if (str_same(scheme, schemes[i]))
            return true;
    return false;
}

static int read_storage(struct task *t, const json_t *list, struct err *err)
{
    size_t i;
    json_t *item;
    t->nstorage = json_array_size(list);
    t->storage = mem_new(t->nstorage * sizeof(*t->storage));
    json_array_foreach (list, i, item) {
        struct storage *s = &t->storage[i];
        s->name = json_text(item, "name");
        s->type = json_text(item, "type");
        s->spec = json_object_get(item, "spec");
        s->location = json_text(s->spec, "location");
        s->derived = derive_location(s);
        if (s->derived)
            s->location = s->derived;
        s->managed = str_same(json_text(s->spec, "lifecycle"), "managed") || storage_placed(s);
        if (read_size(s->spec, "minsize", true, &s->size, err) < 0 ||
            (!s->size && read_size(s->spec, "size", true, &s->size, err) < 0))
            return -1;
    }
    return 0;
}

/* Where each storage stands, by its name. */
static json_t *storage_index(const struct task *t)
{
    json_t *index = json_object();
    for (size_t i = t->nstorage; i > 0; i--) /* the first of a name counts */
        json_object_set_new(index, t->storage[i - 1].name, json_integer((json_int_t)i - 1));
    return index;
}

static int read_volumes(struct task *t, const json_t *list, struct err *err)
{
    size_t i;
    json_t *item;
    const json_t *volumes = json_object_get(json_array_get(list, 0), "volumes");
    own(json_fini) json_t *index = storage_index(t);
    t->nvolumes = json_array_size(volumes);
    t->volumes = mem_new(t->nvolumes * sizeof(*t->volumes));
    json_array_foreach (volumes, i, item) {
        struct volume *v = &t->volumes[i];
        v->name = json_text(item, "name");
        v->path = json_text(item, "path");
        v->write = str_same(json_text(item, "mode"), "rw");
        const json_t *at = json_object_get(index, json_text(item, "resource"));
        if (!at)
            return bad(err, "volume", "it names no storage");
        v->storage = (size_t)json_integer_value(at);
        t->storage[v->storage].used_for_write |= v->write;
    }
    return 0;
}

static int read_requests(struct task *t, const json_t *list, struct err *err)
{
    size_t i;
    json_t *item;
    t->nrequests = json_array_size(list);
    t->requests = mem_new(t->nrequests * sizeof(*t->requests));
    json_array_foreach (list, i, item) {
        struct period *r = &t->requests[i];
        const char *start = json_text(item, "start"), *why = "";
        const char *min = json_text(item, "minduration"), *max = json_text(item, "maxduration");
        r->has_window = start != NULL;
        r->has_min = min != NULL;
        r->has_max = max != NULL;
        if ((start && window_parse(start, &r->window, NULL, &why) < 0) ||
            (min && duration_parse(min, &r->min, NULL, &why) < 0) ||
            (max && duration_parse(max, &r->max, NULL, &why) < 0))
            return bad(err, "datetime", why);
    }
    return 0;
}

int task_init(struct task *t, json_t *doc, struct err *err)
{
    const json_t *executable = json_object_get(doc, "executable");
    const json_t *resources = json_object_get(doc, "resources");
    const json_t *compute = json_object_get(resources, "compute");
    *t = (struct task){.doc = json_incref(doc), .name = json_text(doc, "name")};
    t->type = json_text(executable, "type");
    t->spec = json_object_get(executable, "spec");
    if (read_compute(t, compute, err) < 0 ||
        read_storage(t, json_object_get(resources, "storage"), err) < 0 ||
        read_volumes(t, compute, err) < 0 ||
        read_requests(t, json_object_get(doc, "datetime"), err) < 0) {
        task_fini(t);
        return -1;
    }
    return 0;
}

void task_fini(struct task *t)
{
    json_decref(t->doc);
    for (size_t i = 0; t->storage && i < t->nstorage; i++)
        free(t->storage[i].derived);
    free(t->storage);
    free(t->volumes);
    free(t->requests);
    *t = (struct task){0};
}
