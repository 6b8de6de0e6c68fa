/* What is run: its type, and of an image where it comes from and for which machines it is. */
#include <fnmatch.h>
#include "model/load.h"
#include "plan/matching.h"

/* Of what somebody would sit before there is no headless form (PRD-02). */
static void explain_interactive(struct finding *f, const char *type)
{
    static const char *const words[] = {"session", "interactive", "desktop"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasestr(type_short(type), words[i])) {
            finding_hint(f, "jobs run by themselves and have no network, so nobody could reach a "
                            "session; a notebook is run from its first cell to its last as a "
                            "jupyter-notebook");
            return;
        }
}

static void refuse_type(struct matching *m, const json_t *runtimes)
{
    const struct platform *p = m->platform;
    const char *type = m->task->type;
    const bool listed = p->executables && !m->row;
    struct finding *f =
        listed ? match_refuse(m, "unknown-executable", "/executable/type",
                              "executables of type %s are not run here (Planner 2.1)",
                              type_short(type))
               : match_refuse(m, "unknown-executable", "/executable/type",
                              "the driver %s does not run executables of type %s (Planner 2.1)",
                              p->driver, type_short(type));
    finding_amounts(f, json_string(type), match_types(listed ? p->executables : runtimes));
    explain_interactive(f, type);
}

/* A type the platform does not know is NO, whatever it is (EP-15, EP-33). */
static void match_type(struct matching *m)
{
    const struct platform *p = m->platform;
    const json_t *runtimes = json_object_get(p->probe, "runtimes");
    const char *type = m->task->type;
    const json_t *runtime = platform_row(runtimes, type);
    if (!type)
        match_refuse(m, "no-executable", "/executable",
                     "the task names no executable (Planner 2.1)");
    else if ((p->executables && !m->row) || !runtime)
        refuse_type(m, runtimes);
    else if (!json_is_true(json_object_get(runtime, "ok")))
        match_refuse(m, "runtime", "/executable/type", "%s cannot run now: %s", type_short(type),
                     json_text(runtime, "reason"));
}

/* The names an image goes by: as it is written, with its registry, and with its tag, too. */
struct image_names {
    char *registry; /* or NULL: a local one */
    char *names[3]; /* NULL where there is none */
};

static void image_names_fini(struct image_names *n)
{
    free(n->registry);
    for (size_t i = 0; i < COUNT(n->names); i++)
        free(n->names[i]);
}

/* What stands before the first slash is a registry when it looks like a host; else the image is of
 * the one in `repo`, if that is given (Planner 2.1.2). */
static void image_names_init(struct image_names *n, const json_t *spec)
{
    const char *image = json_text(spec, "image"), *repo = json_text(spec, "repo");
    const char *tag = json_text(spec, "version");
    if (str_begins(image, "docker://"))
        image += strlen("docker://");
    const size_t host = strcspn(image, "/");
    *n = (struct image_names){.names = {str_new(image)}};
    if (str_begins(image, "oci:") || str_begins(image, "oci-archive:"))
        return;
    if (image[host] == '/' && (memchr(image, '.', host) || memchr(image, ':', host)))
        n->registry = str_print("%.*s", (int)host, image);
    else if (repo)
        n->registry = str_new(repo);
    n->names[1] = repo ? str_print("%s/%s", repo, image) : NULL;
    n->names[2] = tag ? str_print("%s:%s", n->names[1] ? n->names[1] : image, tag) : NULL;
}

static bool matches(const json_t *patterns, const char *name)
{
    size_t i;
    json_t *pattern;
    json_array_foreach (patterns, i, pattern)
        if (name && fnmatch(json_string_value(pattern), name, 0) == 0)
            return true;
    return false;
}

static json_t *joined(const json_t *patterns)
{
    own(str_fini) char *text = str_new("");
    size_t i;
    json_t *pattern;
    json_array_foreach (patterns, i, pattern) {
        char *more = str_print("%s%s%s", text, i ? ", " : "", json_string_value(pattern));
        free(text);
        text = more;
    }
    return json_string(text);
}

/* Which images a platform runs is its own choice (EP-A0, PRD-31). */
static void match_policy(struct matching *m)
{
    own(image_names_fini) struct image_names n = {0};
    const json_t *images = json_object_get(m->row, "images");
    const json_t *registries = json_object_get(m->row, "registries");
    const char *image = json_text(m->task->spec, "image");
    bool fits = !images;
    image_names_init(&n, m->task->spec);
    for (size_t i = 0; i < COUNT(n.names); i++)
        fits = fits || matches(images, n.names[i]);
    if (!fits)
        finding_amounts(match_refuse(m, "image-policy", "/executable/spec/image",
                                     "the image %s is none of those that are run here (Planner "
                                     "2.1.2)",
                                     image),
                        json_string(image), joined(images));
    if (registries && !matches(registries, n.registry))
        finding_amounts(match_refuse(m, "image-policy", "/executable/spec/image",
                                     "images of %s are not run here (Planner 2.1.2)",
                                     n.registry ? n.registry : "no registry"),
                        n.registry ? json_string(n.registry) : NULL, joined(registries));
}

static void match_machine(struct matching *m, const char *key, const char *inside)
{
    const char *wanted = json_text(m->task->spec, key);
    const char *here = json_text(json_object_get(m->platform->probe, "facts"), key);
    const char *asked = wanted ? wanted : inside;
    if (asked && here && !str_same(asked, here))
        finding_amounts(match_refuse(m, "image-platform", "/executable/spec",
                                     "the image is for %s %s, here it is %s (Planner 2.1.2)", key,
                                     asked, here),
                        json_string(asked), json_string(here));
}

static void match_image(struct matching *m)
{
    const json_t *spec = m->task->spec;
    struct image *image = &m->grant->image;
    const char *digest = json_text(spec, "digest");
    struct err err = {0};
    match_policy(m);
    if (image_find(json_text(spec, "image"), digest, image, &err) < 0) {
        match_refuse(m, "image", "/executable/spec/image", "%s", err.text);
        return;
    }
    if (!digest && str_same(json_text(m->row, "digest"), "required"))
        finding_amounts(match_refuse(m, "image-policy", "/executable/spec/digest",
                                     "images must be named by their digest here; this one is %s "
                                     "now (Planner 2.1.2)",
                                     image->digest),
                        NULL, json_string(image->digest));
    match_machine(m, "os", image->os);
    match_machine(m, "arch", image->arch);
}

void match_executable(struct matching *m)
{
    match_type(m);
    if (str_same(m->task->type, EXEC_TYPES "oci-container"))
        match_image(m);
}
