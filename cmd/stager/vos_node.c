/* VOSpace 2.1: nodes, looked at, listed page by page, made and removed. */
#include "vos.h"
#include "text/uri.h"

#define PAGE "1000" /* nodes of one listing: what is kept in memory */
#define DEPTH_MAX 100

/* --- a document of a node, and of its children --- */

struct page {
    struct xml *xml;
    struct vos_node root;
    struct vos_node *list;
    size_t n;
    int depth;      /* of node elements */
    char *property; /* the one we are in */
};

void vos_node_fini(struct vos_node *n)
{
    free(n->md5), free(n->uri);
    *n = (struct vos_node){0};
}

static void page_fini(struct page *g)
{
    for (size_t i = 0; i < g->n; i++)
        vos_node_fini(&g->list[i]);
    free(g->list), free(g->property);
    vos_node_fini(&g->root);
    *g = (struct page){0};
}

static enum kind kind_of(const char *type)
{
    const char *colon = type ? strchr(type, ':') : NULL;
    const char *name = colon ? colon + 1 : type;
    return str_same(name, "ContainerNode") ? KIND_DIRECTORY
           : str_same(name, "LinkNode")    ? KIND_UNKNOWN
                                           : KIND_FILE;
}

static struct vos_node *current(struct page *g)
{
    return g->depth > 1 ? &g->list[g->n - 1] : &g->root;
}

static void on_start(void *self, const char *name)
{
    struct page *g = self;
    if (str_same(name, "node")) {
        own(str_fini) char *type = xml_attribute(g->xml, "type");
        g->depth++;
        if (g->depth > 1) {
            if ((g->n & (g->n + 1)) == 0)
                g->list = mem_grow(g->list, 2 * g->n + 2, sizeof(*g->list));
            g->list[g->n++] = (struct vos_node){0};
        }
        struct vos_node *n = current(g);
        if (g->depth <= 2)
            *n = (struct vos_node){kind_of(type), -1, NULL, xml_attribute(g->xml, "uri"), false};
    } else if (str_same(name, "property")) {
        free(g->property);
        g->property = xml_attribute(g->xml, "uri");
    }
}

static void take_property(struct vos_node *n, const char *name, const char *text)
{
    if (strcasecmp(name, "#length") == 0 && *text && !text[strspn(text, "0123456789")]) {
        n->size = strtoll(text, NULL, 10);
    } else if (strcasecmp(name, "#md5") == 0) {
        own(str_fini) char *sum = str_print("md5:%s", text);
        free(n->md5);
        n->md5 = checksum_parse(sum);
    } else if (strcasecmp(name, "#writable") == 0) {
        n->closed = strcasecmp(text, "false") == 0;
    }
}

static void on_end(void *self, const char *name, const char *text)
{
    struct page *g = self;
    const char *mark = g->property ? strrchr(g->property, '#') : NULL;
    if (str_same(name, "node"))
        g->depth--;
    else if (str_same(name, "property") && mark && g->depth > 0)
        take_property(current(g), mark, text);
}

static int on_bytes(void *self, const char *bytes, size_t n, struct fault *f)
{
    struct page *g = self;
    return xml_add(g->xml, bytes, n) == 0
               ? 0
               : fault_set(f, REASON_CORRUPT, true, "the document of a node is no XML");
}

static int get_page(const struct vos *v, const char *path, const char *query, const char *verb,
                    struct page *g, struct fault *f)
{
    own(str_fini) char *url = str_print("%s%s?%s", v->service->nodes.url, path, query);
    own(web_fini) struct web w = {
        .verb = verb, .method = "GET", .url = url, .sink = on_bytes, .self = g};
    page_fini(g);
    g->xml = xml_new(on_start, on_end, g);
    int rc = g->xml ? vos_run(&w, v->service->nodes.token, f) : vos_parse("", 0, NULL, v->shown, f);
    if (rc == 0 && (xml_end(g->xml) < 0 || !g->root.uri))
        rc = fault_set(f, REASON_CORRUPT, true, "%s%s: the answer is no document of a node",
                       v->service->nodes.url, path);
    xml_free(g->xml);
    g->xml = NULL;
    return rc;
}

int vos_look(const struct vos *v, const char *path, struct vos_node *node, struct fault *f)
{
    own(page_fini) struct page g = {0};
    if (get_page(v, path, "detail=properties&limit=0", "look at", &g, f) < 0)
        return -1;
    *node = g.root;
    g.root = (struct vos_node){0};
    return 0;
}

/* The root's URI is the service's, less its slash. */
int vos_name_service(const struct vos *v, struct fault *f)
{
    own(vos_node_fini) struct vos_node root = {0};
    if (v->service->id)
        return 0;
    if (vos_look(v, "", &root, f) < 0)
        return -1;
    size_t n = strcspn(str_begins(root.uri, "vos://") ? root.uri + 6 : "", "/?#");
    if (n == 0)
        return vos_bad(v->shown, "the service does not tell its name; write vos://AUTHORITY!NAME/",
                       f);
    v->service->id = str_print("%.*s", (int)(n + 6), root.uri);
    return 0;
}

/* --- a listing --- */

struct listing {
    struct transfer *t;
    const struct vos *v;
    entry_fn *each;
    void *self;
};

/* The last name of a node, decoded; NULL when there is none. The caller frees. */
static char *node_name(const struct vos_node *n)
{
    const char *slash = n->uri ? strrchr(n->uri, '/') : NULL;
    char *name = slash ? uri_decode(slash + 1) : NULL;
    if (name && *name && !strchr(name, '/'))
        return name;
    free(name);
    return NULL;
}

static int tell(const struct listing *l, const struct vos_node *n, const char *rel,
                struct strs *below, struct fault *f)
{
    own(str_fini) char *last = node_name(n);
    if (!last)
        return fault_set(f, REASON_CORRUPT, false, "%s lists a node without a name", l->v->shown);
    own(str_fini) char *name = str_print("%s%s", rel, last);
    struct entry e = {
        .name = name, .kind = n->kind, .size = n->size, .checksum = n->md5, .loose = true};
    if (n->kind == KIND_UNKNOWN)
        return transfer_warn(l->t, name, f, "is a link of the VOSpace; skipped");
    if (n->kind == KIND_DIRECTORY)
        strs_add(below, name);
    return l->each(l->self, &e, f);
}

/* One container. The first node of a page is the last of the page before. */
static int list_level(const struct listing *l, const char *rel, struct strs *below, struct fault *f)
{
    own(page_fini) struct page g = {0};
    own(str_fini) char *path = str_new(l->v->path);
    if (*rel) {
        char *deeper = uri_below(path, rel);
        free(path);
        path = deeper;
        path[strlen(path) - 1] = '\0'; /* rel ends in a slash */
    }
    own(str_fini) char *first = NULL;
    own(str_fini) char *last = NULL;
    for (;;) {
        own(str_fini) char *from = last ? uri_below("", last) : NULL;
        own(str_fini) char *query =
            str_print("detail=properties&limit=" PAGE "%s%s", from ? "&uri=" : "",
                      from ? from + (*from == '/') : "");
        if (get_page(l->v, path, query, "list", &g, f) < 0)
            return -1;
        bool repeats = last && g.n > 0 && str_same(g.list[0].uri, last);
        bool all_again = !repeats && last && g.n > 0 && str_same(g.list[0].uri, first);
        size_t skip = all_again ? g.n : repeats;
        for (size_t i = skip; i < g.n; i++)
            if (tell(l, &g.list[i], rel, below, f) < 0)
                return -1;
        if (skip >= g.n)
            return 0;
        if (str_same(last, g.list[g.n - 1].uri))
            return fault_set(f, REASON_CORRUPT, false, "%s: the listing goes round", l->v->shown);
        if (!first)
            first = str_new(g.list[0].uri);
        free(last);
        last = str_new(g.list[g.n - 1].uri);
    }
}

static int list_below(const struct listing *l, const char *rel, int depth, struct fault *f)
{
    own(strs_fini) struct strs below = {0};
    if (depth > DEPTH_MAX)
        return fault_set(f, REASON_INVALID, false, "%s is nested deeper than %d containers",
                         l->v->shown, DEPTH_MAX);
    int rc = list_level(l, rel, &below, f);
    for (size_t i = 0; rc == 0 && i < below.n; i++) {
        own(str_fini) char *deeper = str_print("%s/", below.list[i]);
        rc = list_below(l, deeper, depth + 1, f);
    }
    return rc;
}

int vos_list(struct transfer *t, const char *url, entry_fn *each, void *self, struct fault *f)
{
    own(vos_fini) struct vos v = {0};
    if (vos_init(&v, url, f) < 0)
        return -1;
    const struct listing l = {t, &v, each, self};
    return list_below(&l, "", 0, f);
}

/* --- containers --- */

char *vos_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash > path ? str_print("%.*s", (int)(slash - path), path) : NULL;
}

/* With `ours` one that is there already is REASON_EXISTS. */
static int put_container(const struct vos *v, const char *path, bool ours, struct fault *f)
{
    char *type[] = {"Content-Type: text/xml", NULL};
    own(buf_fini) struct buf b = {0};
    own(str_fini) char *url = str_print("%s%s", v->service->nodes.url, path);
    own(str_fini) char *target = vos_target(v, path);
    buf_str(&b, "<vos:node xmlns:vos=\"" VOS_XML
                "\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
                " xsi:type=\"vos:ContainerNode\" version=\"2.1\" uri=\"");
    vos_escape(&b, target);
    buf_str(&b, "\"><vos:properties/><vos:nodes/></vos:node>");
    own(web_fini) struct web w = {.verb = "make",
                                  .method = "PUT",
                                  .url = url,
                                  .headers = type,
                                  .body = b.bytes,
                                  .length = b.len};
    if (vos_run(&w, v->service->nodes.token, f) == 0)
        return 0;
    if (ours && w.status == 409)
        return fault_set(f, REASON_EXISTS, false, "%s is there already", v->shown);
    /* others may make it at the same time; what has its name must be a container, too */
    own(vos_node_fini) struct vos_node there = {0};
    struct fault ignored;
    if (w.status == 409 && vos_look(v, path, &there, &ignored) == 0 && there.kind == KIND_DIRECTORY)
        return 0;
    return -1;
}

static int make_container(const struct vos *v, const char *path, bool ours, struct fault *f)
{
    if (vos_name_service(v, f) < 0)
        return -1;
    if (put_container(v, path, ours, f) == 0)
        return 0;
    own(str_fini) char *parent = vos_parent(path);
    if (f->reason != REASON_NOTFOUND || !parent || make_container(v, parent, false, f) < 0)
        return -1;
    return put_container(v, path, ours, f);
}

int vos_make(const struct vos *v, const char *path, struct fault *f)
{
    return *path ? make_container(v, path, false, f) : 0;
}

int vos_create(struct transfer *t, const char *url, struct fault *f)
{
    own(vos_fini) struct vos v = {0};
    (void)t;
    if (vos_init(&v, url, f) < 0)
        return -1;
    if (!*v.path)
        return fault_set(f, REASON_EXISTS, false, "%s is there already", v.shown);
    return make_container(&v, v.path, true, f);
}

static int delete_node(const struct vos *v, const char *path, struct fault *f)
{
    own(str_fini) char *url = str_print("%s%s", v->service->nodes.url, path);
    own(web_fini) struct web w = {.verb = "remove", .method = "DELETE", .url = url};
    return vos_run(&w, v->service->nodes.token, f) == 0 || f->reason == REASON_NOTFOUND ? 0 : -1;
}

/* A service may refuse a container that is not empty: then what is in it goes first. A link goes,
 * not what it leads to. */
static int remove_below(const struct vos *v, const char *path, int depth, struct fault *f)
{
    own(page_fini) struct page g = {0};
    if (delete_node(v, path, f) == 0)
        return 0;
    if (f->transient || f->reason == REASON_DENIED || depth > DEPTH_MAX)
        return -1;
    struct fault why = *f;
    own(str_fini) char *first = NULL;
    do {
        if (get_page(v, path, "detail=min&limit=" PAGE, "list", &g, f) < 0)
            return -1;
        if (g.root.kind != KIND_DIRECTORY) {
            *f = why;
            return -1;
        }
        if (g.n > 0 && str_same(first, g.list[0].uri))
            return fault_set(f, REASON_UNREACHABLE, true,
                             "cannot remove %s: what was removed is still listed", v->shown);
        free(first);
        first = str_new(g.n > 0 ? g.list[0].uri : NULL);
        for (size_t i = 0; i < g.n; i++) {
            own(str_fini) char *name = node_name(&g.list[i]);
            own(str_fini) char *below = name ? uri_below(path, name) : NULL;
            if (!below || str_same(name, ".") || str_same(name, ".."))
                return fault_set(f, REASON_CORRUPT, false, "%s lists a node without a name",
                                 v->shown);
            if ((g.list[i].kind == KIND_DIRECTORY ? remove_below(v, below, depth + 1, f)
                                                  : delete_node(v, below, f)) < 0)
                return -1;
            if (stager_signal)
                return fault_set(f, REASON_STOPPED, true, "stopped by signal %d",
                                 (int)stager_signal);
        }
    } while (g.n > 0);
    return delete_node(v, path, f);
}

int vos_remove(struct transfer *t, const char *url, struct fault *f)
{
    own(vos_fini) struct vos v = {0};
    (void)t;
    if (vos_init(&v, url, f) < 0)
        return -1;
    if (!*v.path)
        return vos_bad(v.shown, "the root of a service is not removed", f);
    return remove_below(&v, v.path, 0, f);
}
