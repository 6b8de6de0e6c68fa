/* What the service is. */
#include "handlers.h"

static const struct {
    const char *name, *path;
} links[] = {
    {"planner", "planner"},           {"jobs", "jobs"},
    {"openapi", "openapi.json"},      {"capabilities", "capabilities"},
    {"availability", "availability"},
};

int serve_root(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    (void)err;
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
