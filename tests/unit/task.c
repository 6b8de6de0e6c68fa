/* A task made ready for planning. */
#include "model/task.h"
#include "tap.h"
#include "text/size.h"

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *doc = json_loads(text, 0, &e);
    if (!doc)
        printf("# the case itself is no JSON: %s\n", e.text);
    return doc;
}

static const struct {
    const char *spec;
    int64_t mincores, maxcores, minmemory, maxmemory;
} computes[] = {
    {"{}", 0, 0, 0, 0},
    {"{\"mincores\":2}", 2000, 0, 0, 0},
    {"{\"mincores\":0.5,\"maxcores\":1.5}", 500, 1500, 0, 0},
    /* minima round up, maxima down */
    {"{\"mincores\":1.0001,\"maxcores\":1.0009}", 1001, 1000, 0, 0},
    {"{\"minmemory\":0.1,\"maxmemory\":0.1}", 0, 0, 107374183, 107374182},
    {"{\"minmemory\":2,\"maxmemory\":\"16 GB\"}", 0, 0, 2 * GIB, 16000000000},
    {"{\"minmemory\":\"1.5 GiB\"}", 0, 0, 3 * GIB / 2, 0},
};

static void test_compute(void)
{
    for (size_t i = 0; i < COUNT(computes); i++) {
        own(task_fini) struct task t = {0};
        struct err err = {0};
        own(str_fini) char *text =
            str_print("{\"resources\":{\"compute\":[{\"name\":\"c\",\"type\":\"t\",\"spec\":%s},"
                      "{\"name\":\"d\"}]}}",
                      computes[i].spec);
        own(json_fini) json_t *doc = parse(text);
        is_int(task_init(&t, doc, &err), 0, computes[i].spec);
        is_int(t.compute.mincores, computes[i].mincores, computes[i].spec);
        is_int(t.compute.maxcores, computes[i].maxcores, computes[i].spec);
        is_int(t.compute.minmemory, computes[i].minmemory, computes[i].spec);
        is_int(t.compute.maxmemory, computes[i].maxmemory, computes[i].spec);
        is_str(t.compute.name, "c", "the first one is parsed");
        is_int((int64_t)t.ncompute, 2, "and all are counted");
    }
}

static void test_empty(void)
{
    own(task_fini) struct task t = {0};
    struct err err = {0};
    own(json_fini) json_t *doc = parse("{}");
    is_int(task_init(&t, doc, &err), 0, "everything is optional (EP-06)");
    ok(!t.name && !t.type && !t.spec && !t.compute.extras, "nothing is named");
    is_int((int64_t)(t.ncompute + t.nstorage + t.nvolumes + t.nrequests), 0, "nothing is listed");
}

static void test_storage(void)
{
    own(task_fini) struct task t = {0};
    struct err err = {0};
    own(json_fini) json_t *doc =
        parse("{\"name\":\"n\",\"executable\":{\"type\":\"e\",\"spec\":{\"a\":1}},\"resources\":{"
              "\"compute\":[{\"volumes\":[{\"name\":\"v\",\"resource\":\"b\",\"path\":\"/b\","
              "\"mode\":\"rw\"},{\"resource\":\"a\",\"path\":\"/a\"},"
              "{\"resource\":\"c\",\"path\":\"/c\",\"mode\":\"r\"}]}],"
              "\"storage\":[{\"name\":\"a\",\"type\":\"s\",\"spec\":{\"location\":\"file:///x\"}},"
              "{\"name\":\"b\",\"type\":\"s\",\"spec\":{\"size\":2,\"minsize\":3}},"
              "{\"name\":\"c\",\"type\":\"s\",\"spec\":{\"size\":\"1 kB\"}}]}}");
    is_int(task_init(&t, doc, &err), 0, "storage and volumes");
    is_int((int64_t)t.nstorage, 3, "three storages");
    is_int((int64_t)t.nvolumes, 3, "three volumes");
    is_str(t.name, "n", "name");
    is_str(t.type, "e", "type of the executable");
    is_int(json_int(t.spec, "a", 0), 1, "its spec");
    is_str(t.storage[0].location, "file:///x", "a location");
    is_int(t.storage[0].size, 0, "no size");
    is_int(t.storage[1].size, 3 * GIB, "minsize goes before size");
    is_int(t.storage[2].size, 1000, "a size with a unit");
    ok(!t.storage[0].used_for_write && t.storage[1].used_for_write && !t.storage[2].used_for_write,
       "which is written to");
    is_int((int64_t)t.volumes[0].storage, 1, "a volume knows its storage");
    is_int((int64_t)t.volumes[1].storage, 0, "whatever the order");
    ok(t.volumes[0].write && !t.volumes[1].write && !t.volumes[2].write, "r when not said");
    is_str(t.volumes[0].path, "/b", "path");
}

static const struct {
    const char *spec, *location;
} buckets[] = {
    {"{\"bucket\":\"b\"}", "s3://b/"},
    {"{\"bucket\":\"b\",\"object\":\"x/y z\"}", "s3://b/x/y%20z"},
    {"{\"bucket\":\"b\",\"endpoint\":\"https://h/e\"}", "s3://b/?endpoint=https%3A//h/e"},
    {"{\"bucket\":\"b\",\"endpoint\":\"e\",\"template\":\"https://{bucket}.h\"}",
     "s3://b/?endpoint=https%3A//%7Bbucket%7D.h"},
    {"{\"location\":\"s3://b/k\"}", "s3://b/k"},
    {"{\"location\":\"s3://b/k\",\"endpoint\":\"https://h\"}", "s3://b/k?endpoint=https%3A//h"},
    {"{\"location\":\"https://h/b\",\"endpoint\":\"https://h\"}", "https://h/b"},
    {"{\"endpoint\":\"https://h\"}", NULL},
};

static void test_buckets(void)
{
    for (size_t i = 0; i < COUNT(buckets); i++) {
        own(task_fini) struct task t = {0};
        struct err err = {0};
        own(str_fini) char *text =
            str_print("{\"resources\":{\"storage\":[{\"name\":\"a\",\"type\":\"" STORAGE_TYPES
                      "amazon-s3\",\"spec\":%s}]}}",
                      buckets[i].spec);
        own(json_fini) json_t *doc = parse(text);
        is_int(task_init(&t, doc, &err), 0, buckets[i].spec);
        is_str(t.storage[0].location, buckets[i].location, buckets[i].spec);
    }
}

static void test_requests(void)
{
    own(task_fini) struct task t = {0};
    struct err err = {0};
    own(json_fini) json_t *doc =
        parse("{\"datetime\":[{\"start\":\"1970-01-01T00:00:10Z\"},"
              "{\"start\":\"1970-01-01T00:00:10Z/1970-01-01T00:01:00Z\",\"minduration\":\"PT1M\","
              "\"maxduration\":\"PT2M\"},{}]}");
    is_int(task_init(&t, doc, &err), 0, "three periods");
    is_int((int64_t)t.nrequests, 3, "three requests");
    ok(t.requests[0].has_window && t.requests[0].window.instant, "an instant");
    is_int(t.requests[0].window.from.sec, 10, "its time");
    ok(!t.requests[0].has_min && !t.requests[0].has_max, "no durations");
    is_int(t.requests[1].window.to.sec, 60, "a window's end");
    is_int(t.requests[1].min.sec, 60, "minduration");
    is_int(t.requests[1].max.sec, 120, "maxduration");
    ok(!t.requests[2].has_window, "a period without start");
}

/* What no checked task can hold is our own mistake, not the user's. */
static void test_unchecked(void)
{
    static const char *const docs[] = {
        "{\"resources\":{\"compute\":[{\"spec\":{\"mincores\":\"two\"}}]}}",
        "{\"resources\":{\"compute\":[{\"spec\":{\"minmemory\":\"2 gigs\"}}]}}",
        "{\"resources\":{\"compute\":[{\"volumes\":[{\"resource\":\"a\",\"path\":\"/a\"}]}]}}",
        "{\"datetime\":[{\"start\":\"soon\"}]}",
        "{\"datetime\":[{\"maxduration\":\"long\"}]}",
    };
    for (size_t i = 0; i < COUNT(docs); i++) {
        struct task t = {0};
        struct err err = {0};
        own(json_fini) json_t *doc = parse(docs[i]);
        is_int(task_init(&t, doc, &err), -1, docs[i]);
        is_int((int)err.code, CODE_BUG, err.text);
        ok(t.doc == NULL && t.storage == NULL, "nothing is left to free");
    }
}

int main(void)
{
    test_compute();
    test_empty();
    test_storage();
    test_buckets();
    test_requests();
    test_unchecked();
    return tap_end();
}
