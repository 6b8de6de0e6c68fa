#include <glob.h>
#include <sys/stat.h>
#include "host/clock.h"
#include "host/credential.h"
#include "handlers.h"
#include "host/path.h"
#include "host/site.h"
#include "job/query.h"
#include "text/uri.h"

#define TYPES "https://www.purl.org/ivoa.net/authentication-types/"

static void forget_caller(struct service *s)
{
    identity_fini(&s->who);
    free(s->base);
    s->base = NULL;
    s->known = s->administers = false;
    s->uploads = NULL;
    s->kept[0] = '\0';
}

void service_close(struct service *s)
{
    forget_caller(s);
    if (s->stored)
        store_close(&s->store);
    if (s->modelled)
        model_close(&s->model);
    json_decref(s->site);
    free(s->stamp);
    *s = (struct service){.store.lock = -1};
}

struct model *service_model(struct service *s, struct err *err)
{
    if (!s->modelled && model_open(&s->model, NULL, err) < 0)
        return NULL;
    s->modelled = true;
    return &s->model;
}

struct store *service_store(struct service *s, struct err *err)
{
    if (!s->stored && store_open(&s->store, err) < 0)
        return NULL;
    s->stored = true;
    return &s->store;
}

/* Which file it is, and of when; the store is written all the time: of that, which file alone. */
static void add_state(struct buf *b, const char *path, bool when)
{
    struct stat st;
    if (!path || stat(path, &st) < 0) {
        buf_str(b, " -");
        return;
    }
    buf_print(b, " %llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    if (when)
        buf_print(b, " %lld.%09ld %lld.%09ld %lld", (long long)st.st_mtim.tv_sec,
                  st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec,
                  (long long)st.st_size);
}

/* types.d/AREA/NAME.json */
static void add_types(struct buf *b, const char *config)
{
    static const char *const below[] = {"", "/*", "/*/*"};
    for (size_t i = 0; i < COUNT(below); i++) {
        own(str_fini) char *pattern = str_print("%s/types.d%s", config, below[i]);
        glob_t found = {0};
        if (glob(pattern, 0, NULL, &found) == 0)
            for (size_t k = 0; k < found.gl_pathc; k++)
                add_state(b, found.gl_pathv[k], true);
        globfree(&found);
    }
}

/* What has changed since, or is another file, has another stamp. The caller frees. */
static char *stamp_of(void)
{
    own(buf_fini) struct buf b = {0};
    own(str_fini) char *config = config_dir();
    own(str_fini) char *path = config ? site_file(config, "execdm") : NULL;
    own(str_fini) char *schemas = schema_dir();
    own(str_fini) char *state = path_state();
    own(str_fini) char *store = state ? str_print("%s/execdm.db", state) : NULL;
    add_state(&b, path, true);
    add_state(&b, schemas, true);
    add_state(&b, store, false);
    if (config)
        add_types(&b, config);
    return buf_take(&b);
}

int service_open(struct service *s, struct err *err)
{
    own(str_fini) char *stamp = stamp_of();
    if (s->site && str_same(stamp, s->stamp))
        return 0;
    service_close(s);
    s->site = site_kept();
    struct model *model = s->site ? NULL : service_model(s, err);
    if (!s->site && (!model || site_configuration(model, &s->site, err) < 0))
        return -1;
    s->stamp = move(stamp);
    return 0;
}

const json_t *service_row(const struct service *s)
{
    return json_object_get(s->site, "service");
}

/* --- who asks --- */

/* By what the configuration says, never by what the client says it is called. */
static void find_base(struct service *s, const char *otherwise)
{
    const char *url = json_text(s->site, "url");
    s->base = str_new(url ? url : otherwise);
    for (size_t n = strlen(s->base); n > 0 && s->base[n - 1] == '/'; n--)
        s->base[n - 1] = '\0';
}

/* What was shown as a proof of a name, and was not found to be one by the web server: nobody is
 * then taken for anonymous (EP-52). All else a client says of itself is not looked at. */
static int check_attempt(const struct request *r, struct err *err)
{
    const char *shown = request_header(r, "HTTP_AUTHORIZATION");
    if (!*(shown + strspn(shown, " \t")))
        return 0;
    return err_set(err, CODE_PERM,
                   "nobody is known here by what the header Authorization shows; ask again with a "
                   "name and password of this service, or without the header");
}

/* The account's own name is nobody's over the network: its credentials are for its own tasks. */
static int check_name(const char *name, struct err *err)
{
    own(str_fini) char *account = account_name();
    if (str_same(name, account) || str_same(name, SERVICE_ANONYMOUS))
        return err_set(err, CODE_PERM,
                       "%s is the service's own name, which nobody can bear over the network",
                       name);
    return 0;
}

int service_meet(struct service *s, const struct request *r, struct err *err)
{
    const char *user = request_header(r, "REMOTE_USER");
    const char *how = request_header(r, "AUTH_TYPE");
    forget_caller(s);
    find_base(s, request_header(r, "SCRIPT_NAME"));
    s->who.remote = true;
    if (!*user && check_attempt(r, err) < 0)
        return -1;
    if (!*user && !json_is_true(json_object_get(service_row(s), "anonymous")))
        return 0;
    if (!*user && account_is(SERVICE_ANONYMOUS))
        return err_set(
            err, CODE_CONFIG,
            "the account of a service for everybody cannot be called " SERVICE_ANONYMOUS);
    s->known = *user;
    if (*user && check_name(user, err) < 0)
        return -1;
    s->who.name = str_new(*user ? user : SERVICE_ANONYMOUS);
    s->who.method = json_pack("{s:s,s:s,s:s,s:{s:s}}", "name",
                              *user ? "http-request" : SERVICE_ANONYMOUS, "type",
                              !*user                          ? TYPES "anonymous"
                              : strcasecmp(how, "basic") == 0 ? TYPES "basic-auth"
                                                              : TYPES "web-server",
                              "mode", "implicit", "spec", "username", s->who.name);
    s->administers =
        s->known && json_lists(json_object_get(service_row(s), "administrators"), s->who.name);
    return 0;
}

void service_meet_nobody(struct service *s)
{
    forget_caller(s);
    find_base(s, "");
}

bool service_sees(const struct service *s, const char *owner, const json_t *private)
{
    const char *method = json_text(json_object_get(private, "policy"), "method");
    return s->administers || (s->who.name && str_same(s->who.name, owner) &&
                              (!method || str_same(method, json_text(s->who.method, "type"))));
}

/* --- what there is --- */

char *service_url(const struct service *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    own(str_fini) char *path = str_vprint(fmt, ap);
    va_end(ap);
    return str_print("%s/%s", s->base, path);
}

int service_job(struct service *s, const char *id, struct job *j, struct err *err)
{
    struct store *store = service_store(s, err);
    struct job found = {0};
    struct err why = {0};
    if (!store)
        return -1;
    const bool there = uuid_valid(id) && store_job_get(store, id, &found, &why) == 0;
    if (there && service_sees(s, found.owner, json_object_get(found.doc, "private"))) {
        *j = found;
        return 0;
    }
    if (there)
        job_fini(&found);
    if (!there && uuid_valid(id) && why.code != CODE_NOINPUT) {
        *err = why;
        return -1;
    }
    return err_set(err, CODE_NOINPUT, "there is no job %.40s", id);
}

/* Files of the job's directory are shown as what they are at the service. */
static void show_results(const struct service *s, const char *id, json_t *doc)
{
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(doc, "results"), i, row) {
        const char *name = json_text(row, "name"), *url = json_text(row, "url");
        if (!name || !url || !str_begins(url, "file:"))
            continue;
        own(str_fini) char *below = service_url(s, "jobs/%s/results/", id);
        own(str_fini) char *at = uri_below(below, name);
        json_object_set_new(row, "url", json_string(at));
        json_object_set_new(row, "mediatype", json_string(result_type(name)));
    }
}

json_t *service_document(struct service *s, const char *id, struct err *err)
{
    own(job_fini) struct job j = {0};
    struct store *store = service_store(s, err);
    return !store || store_job_get(store, id, &j, err) < 0 ? NULL : service_show(s, &j, err);
}

json_t *service_show(struct service *s, struct job *j, struct err *err)
{
    json_t *doc = query_read(&s->store, j, clock_ms(), err);
    if (!doc)
        return NULL;
    own(str_fini) char *url = service_url(s, "jobs/%s", j->id);
    show_results(s, j->id, doc);
    if (!json_text(doc, "planner"))
        json_object_set_new(doc, "url", json_string(url));
    return doc;
}
