/* job:ID, the results of a job, and job:ID/NAME, one of them: wherever execdm-status says they are,
 * days later too, and after a failed push-back still with the job. */
#include "stager.h"
#include "host/spawn.h"
#include "text/json.h"
#include "text/uri.h"

/* The job's results, or NULL. The name after its id goes to *name, borrowed from url. */
static json_t *results_of(const char *url, char **name, struct fault *f)
{
    const char *id = url + strlen("job:");
    size_t n = strcspn(id, "/");
    struct err err = {0};
    own(str_fini) char *path = spawn_find_program("execdm-status");
    own(str_fini) char *job = str_print("%.*s", (int)n, id);
    *name = id[n] && id[n + 1] ? uri_decode(id + n + 1) : NULL;
    char *argv[] = {path, "--format=json", "--", job, NULL};
    own(spawn_fini) struct spawn run = {.argv = argv};
    int rc = path ? spawn_run(&run, &err) : -1;
    if (!path)
        fault_set(f, REASON_MISSING, false, "execdm-status is not installed beside this program");
    else if (rc < 0)
        fault_set(f, REASON_UNREACHABLE, true, "cannot ask for %s: %s", url, err.text);
    else if (rc == CODE_NOINPUT)
        fault_set(f, REASON_NOTFOUND, false, "%s: there is no such job", url);
    else if (rc > CODE_NO) /* NO says that the job did not end well: its results may be wanted */
        fault_set(f, REASON_UNREACHABLE, rc == CODE_TEMP || rc == CODE_UNAVAIL,
                  "cannot ask for %s: %s", url, spawn_last_error(&run));
    if (rc < 0 || rc > CODE_NO)
        return NULL;
    own(json_fini) json_t *doc = json_loadb(run.out.bytes, run.out.len, 0, NULL);
    json_t *results = json_incref(json_object_get(doc, "results"));
    if (!results)
        fault_set(f, REASON_NOTFOUND, false, "%s has no results (phase %s)", url,
                  json_text(doc, "phase") ? json_text(doc, "phase") : "unknown");
    return results;
}

static const char *place_of(const json_t *result)
{
    const char *url = json_text(result, "url");
    return url ? url : json_text(result, "location");
}

static int job_list(struct transfer *t, const char *url, entry_fn *each, void *self,
                    struct fault *f)
{
    own(str_fini) char *name = NULL;
    own(json_fini) json_t *results = results_of(url, &name, f);
    size_t i, n = name ? strlen(name) : 0;
    json_t *r;
    int rc = results ? 0 : -1;
    (void)t;
    json_array_foreach (results, i, r) {
        struct entry e = {json_text(r, "name"),     KIND_FILE, json_int(r, "size", -1), place_of(r),
                          json_text(r, "checksum"), false};
        if (rc < 0 || !e.name || !e.url)
            continue;
        if (name && (strncmp(e.name, name, n) != 0 || e.name[n] != '/'))
            continue;
        e.name += name ? n + 1 : 0;
        rc = each(self, &e, f);
    }
    return rc;
}

static int job_open(struct transfer *t, const char *url, struct source **src, struct fault *f)
{
    own(str_fini) char *name = NULL;
    own(json_fini) json_t *results = results_of(url, &name, f);
    size_t i, n = name ? strlen(name) : 0;
    json_t *r;
    bool below = !name;
    if (!results)
        return -1;
    json_array_foreach (results, i, r) {
        const char *its = json_text(r, "name");
        if (name && str_same(its, name) && place_of(r)) {
            if (transfer_open(t, place_of(r), src, f) < 0)
                return -1;
            (*src)->promised = str_new(json_text(r, "checksum"));
            return 0;
        }
        below |= name && its && strncmp(its, name, n) == 0 && its[n] == '/';
    }
    if (!below)
        return fault_set(f, REASON_NOTFOUND, false, "%s: the job has no such result", url);
    *src = mem_new(sizeof(**src));
    **src = (struct source){.kind = KIND_DIRECTORY, .size = -1, .fd = -1, .shown = str_new(url)};
    return 0;
}

static int job_readable(const char *url, struct found *found, struct fault *f)
{
    own(source_close) struct source *src = NULL;
    struct item item = {.source = url, .size = -1, .direction = DIRECTION_CHECK};
    struct transfer t = {.item = &item};
    if (job_open(&t, url, &src, f) < 0)
        return -1;
    *found = (struct found){src->kind, src->size};
    return 0;
}

const struct scheme scheme_job = {
    .name = "job",
    .open = job_open,
    .list = job_list,
    .readable = job_readable,
};
