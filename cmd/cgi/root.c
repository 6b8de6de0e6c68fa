/* What the service is. */
#include "handlers.h"
#include "page.h"

static const struct {
    const char *name, *path;
} links[] = {
    {"planner", "planner"},           {"jobs", "jobs"},
    {"platforms", "platforms"},       {"openapi", "openapi.json"},
    {"capabilities", "capabilities"}, {"availability", "availability"},
};

int serve_root(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    if (r->format == FORMAT_HTML)
        return page_root(s, p, err);
    own(json_fini) json_t *all = json_object();
    for (size_t i = 0; i < COUNT(links); i++) {
        own(str_fini) char *url = service_url(s, "%s", links[i].path);
        json_object_set_new(all, links[i].name, json_string(url));
    }
    own(json_fini) json_t *doc = json_pack("{s:s,s:s,s:s*,s:s*,s:O}", "name", "execdm", "version",
                                           PACKAGE_VERSION, "identity", s->who.name, "title",
                                           json_text(service_row(s), "title"), "links", all);
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
