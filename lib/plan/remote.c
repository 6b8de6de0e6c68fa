#include "plan/remote.h"
#include <netdb.h>
#include "host/path.h"
#include "model/reach.h"
#include "plan/upload.h"
#include "text/uri.h"

static void refuse(struct findings *findings, const char *pointer, const char *fmt, ...)
    PRINTF(3, 4);
static void refuse(struct findings *findings, const char *pointer, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    finding_vadd(findings, FINDING_ERROR, "location-policy", pointer, fmt, ap);
    va_end(ap);
}

/* --- addresses --- */

#define PRIVATE "has a private address, which tasks that come over the network may not name"

static const char *resolve(const char *host)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    bool private = false;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return "cannot be resolved to an address now, and so not be shown to be a public one";
    for (const struct addrinfo *a = list; a; a = a->ai_next)
    private |= reach_private(a->ai_addr);
    freeaddrinfo(list);
    return private ? PRIVATE : "";
}

const char *remote_objection(const char *host, json_t *documents)
{
    own(str_fini) char *url = str_print("x://%s/", host);
    own(str_fini) char *name = uri_host(url);
    if (!name || reach_private_name(name))
        return PRIVATE;
    own(str_fini) char *key = str_print("address %s", name);
    if (!json_object_get(documents, key))
        json_object_set_new(documents, key, json_string(resolve(name)));
    const char *found = json_text(documents, key);
    return found && !*found ? NULL : found ? found : PRIVATE;
}

static bool is_one_of(const char *scheme, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_same(scheme, list[i]))
            return true;
    return false;
}

/* Those whose connections are ours, and looked at by execdm-stage: of another we cannot tell who
 * is asked. */
static bool is_ours(const char *scheme)
{
    static const char *const list[] = {"http", "https", "s3", "vos"};
    return is_one_of(scheme, list, COUNT(list));
}

/* Who is asked for a location: its endpoint, where that can be said, and is; else its host, where
 * that is one. The caller frees. */
static char *asked_at(const char *location, const char *scheme)
{
    static const char *const elsewhere[] = {"s3", "vos"};
    const bool told = is_one_of(scheme, elsewhere, COUNT(elsewhere));
    const char *endpoint = told ? strstr(location, "?endpoint=") : NULL;
    if (endpoint) {
        const char *value = endpoint + strlen("?endpoint=");
        own(str_fini) char *text = str_print("%.*s", (int)strcspn(value, "&#"), value);
        own(str_fini) char *url = uri_decode(text);
        return url ? uri_host(url) : NULL;
    }
    return told ? NULL : uri_host(location);
}

/* --- places --- */

struct checking {
    const struct policy *policy;
    struct store *store;
    struct findings *findings;
};

static void check_upload(struct checking *c, const char *pointer, const char *location, bool write)
{
    own(str_fini) char *path = upload_path(c->store, c->policy->uploads, location);
    if (write)
        refuse(c->findings, pointer, "%s came with the task, and is only read", location);
    else if (!path || !path_exists(path))
        refuse(c->findings, pointer, "%s: no such file came with the task", location);
}

/* The results of another job are for its owner. */
static void check_job(struct checking *c, const char *pointer, const char *location)
{
    const char *id = location + strlen("job:");
    own(str_fini) char *name = str_print("%.*s", (int)strcspn(id, "/"), id);
    own(job_fini) struct job j = {0};
    struct err ignored = {0};
    if (!uuid_valid(name) || store_job_get(c->store, name, &j, &ignored) < 0 ||
        !str_same(j.owner, c->policy->who.name))
        refuse(c->findings, pointer, "there is no job %s of %s", name, c->policy->who.name);
}

static void check(struct checking *c, const char *pointer, const char *location, bool write)
{
    own(str_fini) char *scheme = location ? uri_scheme(location) : NULL;
    if (!location)
        return;
    own(str_fini) char *host = asked_at(location, scheme);
    own(str_fini) char *shown = uri_shown(location);
    if (!scheme || str_same(scheme, "file"))
        refuse(c->findings, pointer,
               "%s is a place of this machine, which tasks that come over the network may not name",
               shown);
    else if (str_begins(location, UPLOAD_SCHEME))
        check_upload(c, pointer, location, write);
    else if (str_begins(location, "job:"))
        check_job(c, pointer, location);
    else if (str_same(scheme, "job") || str_same(scheme, "upload"))
        refuse(c->findings, pointer, "%s: expected its scheme in small letters", shown);
    else if (policy_public(c->policy) && !is_ours(scheme))
        refuse(c->findings, pointer,
               "%s: schemes of others are not used for tasks that come over the network "
               "(execdm.yaml(5), private-addresses)",
               shown);
    else if (host && policy_public(c->policy) && reach_private_name(host))
        refuse(c->findings, pointer, "%s " PRIVATE " (execdm.yaml(5), private-addresses)", shown);
}

bool remote_allows(const struct task *t, const struct policy *p, struct store *store,
                   struct findings *findings)
{
    static const char *const keys[] = {"program", "notebook", "requirements"};
    struct checking c = {p, store, findings};
    const size_t before = findings->errors;
    if (!p->who.remote)
        return true;
    for (size_t i = 0; i < COUNT(keys); i++) {
        own(str_fini) char *pointer = str_print("/executable/spec/%s", keys[i]);
        check(&c, pointer, json_text(t->spec, keys[i]), false);
    }
    for (size_t i = 0; i < t->nstorage; i++) {
        own(str_fini) char *pointer = str_print("/resources/storage/%zu", i);
        check(&c, pointer, t->storage[i].location, t->storage[i].used_for_write);
    }
    return findings->errors == before;
}
