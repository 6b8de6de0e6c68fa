/* What the service is. */
#include "handlers.h"
#include "page.h"

int serve_root(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    if (r->format == FORMAT_HTML)
        return page_root(s, p, err);
    own(str_fini) char *planner = service_url(s, "planner");
    own(str_fini) char *jobs = service_url(s, "jobs");
    own(str_fini) char *platforms = service_url(s, "platforms");
    own(json_fini) json_t *doc = json_pack(
        "{s:s,s:s,s:s,s:s*,s:{s:s,s:s,s:s}}", "name", "execdm", "version", PACKAGE_VERSION,
        "identity", s->who.name, "title", json_text(service_row(s), "title"), "links", "planner",
        planner, "jobs", jobs, "platforms", platforms);
    reply_document(p, r, doc);
    return 0;
}

/* A browser that was asked for a name and password here sends them to all of the service. */
int serve_login(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    (void)r;
    if (!s->known)
        return err_set(err, CODE_PERM, "nobody has shown a name");
    own(str_fini) char *url = service_url(s, "%s", "");
    reply_see(p, url);
    return 0;
}
