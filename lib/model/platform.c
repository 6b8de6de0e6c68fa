#include "model/platform.h"
#include "text/size.h"

static int amount(const json_t *declared, const json_t *probed, const char *key, bool size,
                  int64_t *out, struct err *err)
{
    const char *why = "not declared, and the driver does not know";
    const json_t *v = json_object_get(declared, key);
    if (!v)
        v = json_object_get(probed, key);
    if (v && (size ? size_parse(v, false, out, &why) : cores_parse(v, false, out, &why)) == 0)
        return 0;
    return err_set(err, CODE_CONFIG, "compute: %s: %s", key, why);
}

static void limit(const json_t *compute, const char *key, bool size, int64_t all, int64_t *out)
{
    const json_t *v = json_object_get(compute, key);
    const char *why;
    *out = all;
    if (v && size)
        size_parse(v, false, out, &why);
    else if (v)
        cores_parse(v, false, out, &why);
    if (*out > all) /* the whole may have been probed */
        *out = all;
}

static void duration(const json_t *section, const char *key, const char *otherwise,
                     struct duration *out)
{
    const char *text = json_text(section, key), *why;
    duration_parse(text ? text : otherwise, out, NULL, &why);
}

int platform_init(struct platform *p, json_t *doc, json_t *probe, struct err *err)
{
    const json_t *compute = json_object_get(doc, "compute");
    const json_t *facts = json_object_get(probe, "facts");
    const json_t *datetime = json_object_get(doc, "datetime");
    *p = (struct platform){.doc = json_incref(doc), .probe = json_incref(probe)};
    p->name = json_text(doc, "name");
    p->driver = json_text(doc, "driver");
    p->driver_options = json_object_get(doc, "driver-options");
    p->executables = json_object_get(doc, "executables");
    p->storage = json_object_get(doc, "storage");
    if (amount(compute, facts, "cores", false, &p->capacity.cores, err) < 0 ||
        amount(compute, facts, "memory", true, &p->capacity.memory, err) < 0) {
        platform_fini(p);
        return -1;
    }
    limit(compute, "maxcores", false, p->capacity.cores, &p->maxcores);
    limit(compute, "maxmemory", true, p->capacity.memory, &p->maxmemory);
    duration(datetime, "maxduration", "P7D", &p->maxduration);
    duration(datetime, "duration", "PT1H", &p->duration);
    duration(datetime, "horizon", "P7D", &p->horizon);
    duration(json_object_get(doc, "offers"), "lifetime", "PT5M", &p->lifetime);
    if (duration_seconds(p->duration, (struct when){0}) >
        duration_seconds(p->maxduration, (struct when){0}))
        p->duration = p->maxduration;
    return 0;
}

void platform_fini(struct platform *p)
{
    json_decref(p->doc);
    json_decref(p->probe);
    *p = (struct platform){0};
}
