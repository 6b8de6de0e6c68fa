/* What is run: its type, and of an image where it comes from and for which machines it is. */
#include <fnmatch.h>
#include "host/credential.h"
#include "model/load.h"
#include "plan/matching.h"
#include "plan/remote.h"
#include "text/size.h"

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

/* HOST/NAME:TAG, or NULL. The caller frees. */
static char *tagged_of(const struct image *image)
{
    return image->place && image->tag ? str_print("%s:%s", image->place, image->tag) : NULL;
}

/* Is it one of a list? Of a registry, by its place there, with or without its tag, and never by
 * what the task writes alone: that is another image in another `repo`. */
static bool is_listed(const json_t *patterns, const struct image *image)
{
    own(str_fini) char *tagged = tagged_of(image);
    return matches(patterns, image->path ? image->name : image->place) || matches(patterns, tagged);
}

/* Which images a platform runs is its own choice (EP-A0, PRD-17, PRD-31). What is refused is not
 * looked at: no registry is asked that is not approved. */
static bool match_policy(struct matching *m, const struct image *image)
{
    const json_t *images = json_object_get(m->row, "images");
    const json_t *registries = json_object_get(m->row, "registries");
    const char *name = json_text(m->task->spec, "image");
    const size_t before = m->findings->errors;
    if (images && !is_listed(images, image))
        finding_amounts(match_refuse(m, "image-policy", "/executable/spec/image",
                                     "the image %s is none of those that are run here (Planner "
                                     "2.1.2)",
                                     name),
                        json_string(name), joined(images));
    if (registries && !matches(registries, image->host))
        finding_amounts(match_refuse(m, "image-policy", "/executable/spec/image",
                                     "images of %s are not run here (Planner 2.1.2)",
                                     image->host ? image->host : "no registry"),
                        image->host ? json_string(image->host) : NULL, joined(registries));
    if (image->path && !images && (m->policy->who.remote || !account_is(m->identity)))
        match_refuse(m, "image-policy", "/executable/spec/image",
                     "images on this machine are for its own users; those of others run what is "
                     "listed at images (execdm-platform(5))");
    const char *objection = image->host && !images && !registries && policy_public(m->policy)
                                ? remote_objection(image->host, m->documents)
                                : NULL;
    if (objection)
        match_refuse(m, "location-policy", "/executable/spec/image",
                     "the registry %s %s (execdm.yaml(5), private-addresses)", image->host,
                     objection);
    return m->findings->errors == before;
}

/* --- what it is --- */

/* The machine that it is to run on. */
static struct image_asker asker_of(const struct matching *m)
{
    const json_t *spec = m->task->spec, *facts = json_object_get(m->platform->probe, "facts");
    const char *os = json_text(spec, "os"), *arch = json_text(spec, "arch");
    const char *here = json_text(facts, "os");
    return (struct image_asker){.identity = m->identity,
                                .os = os     ? os
                                      : here ? here
                                             : "linux",
                                .arch = arch ? arch : json_text(facts, "arch")};
}

static struct err error_of(const json_t *noted)
{
    struct err err = {0};
    err_set(&err, (enum code)json_int(noted, "code", CODE_IO), "%s", json_text(noted, "error"));
    return err;
}

static json_t *note_error(const struct err *err)
{
    return json_pack("{s:s,s:i}", "error", err->text, "code", (int)err->code);
}

/* As image_find; a registry is asked once for all platforms. */
static int find_image(struct matching *m, struct image *image, const struct image_asker *who,
                      struct err *err)
{
    own(str_fini) char *key =
        str_print("image %s:%s@%s %s %s", image->place ? image->place : "",
                  image->tag ? image->tag : "", image->named, who->os, who->arch ? who->arch : "");
    const json_t *noted = json_object_get(m->documents, key);
    if (image->path)
        return image_find(image, who, err);
    if (!noted) {
        const int rc = image_find(image, who, err);
        json_object_set_new(m->documents, key,
                            rc < 0 ? note_error(err)
                                   : json_pack("{s:s,s:s*,s:s*}", "digest", image->digest, "os",
                                               image->os, "arch", image->arch));
        return rc;
    }
    if (json_text(noted, "error")) {
        *err = error_of(noted);
        return -1;
    }
    snprintf(image->digest, sizeof(image->digest), "%s", json_text(noted, "digest"));
    image->os = str_new(json_text(noted, "os"));
    image->arch = str_new(json_text(noted, "arch"));
    return 0;
}

/* As image_layers, for an image that was found; looked at once for all platforms. Borrowed, NULL
 * with err. */
static const json_t *find_layers(struct matching *m, const struct image *image,
                                 const struct image_asker *who, struct err *err)
{
    own(str_fini) char *key =
        str_print("layers %s@%s", image->path ? image->path : image->place, image->digest);
    if (!json_object_get(m->documents, key)) {
        json_t *diffs = NULL;
        const int rc = image_layers(image, who, &diffs, err);
        json_object_set_new(m->documents, key, rc < 0 ? note_error(err) : diffs);
    }
    json_t *noted = json_object_get(m->documents, key);
    if (json_is_array(noted))
        return noted;
    *err = error_of(noted);
    return NULL;
}

/* --- and what it is built on --- */

static bool begins_with(const json_t *layers, const json_t *base)
{
    size_t i;
    json_t *diff;
    json_array_foreach (base, i, diff)
        if (!json_equal(diff, json_array_get(layers, i)))
            return false;
    return json_array_size(base) > 0;
}

/* The layers of a base image, or NULL with err. Borrowed. */
static const json_t *base_layers(struct matching *m, const char *name,
                                 const struct image_asker *who, struct err *err)
{
    own(json_fini) json_t *spec = json_pack("{s:s}", "image", name);
    own(image_fini) struct image base = {0};
    if (image_parse(spec, &base, err) < 0 || find_image(m, &base, who, err) < 0)
        return NULL;
    return find_layers(m, &base, who, err);
}

/* An image is built on a base when the base's layers are the first of its own (PRD-17). */
static void match_bases(struct matching *m, const struct image_asker *who)
{
    const json_t *bases = json_object_get(m->row, "bases");
    const char *name = json_text(m->task->spec, "image");
    own(str_fini) char *unseen = str_new("");
    struct err err = {0};
    size_t i;
    json_t *base;
    const json_t *layers = bases ? find_layers(m, &m->grant->image, who, &err) : NULL;
    if (bases && !layers)
        match_refuse(m, "image", "/executable/spec/image", "%s", err.text);
    if (!layers)
        return;
    json_array_foreach (bases, i, base) {
        const json_t *below = base_layers(m, json_string_value(base), who, &err);
        if (below && begins_with(layers, below))
            return;
        if (below)
            continue;
        char *more = str_print("%s; the base %s could not be looked at: %s", unseen,
                               json_string_value(base), err.text);
        free(unseen);
        unseen = more;
    }
    finding_amounts(match_refuse(m, "image-policy", "/executable/spec/image",
                                 "the image %s is built on none of the bases that are approved "
                                 "here%s (Planner 2.1.2)",
                                 name, unseen),
                    json_string(name), joined(bases));
}

/* An image that is run by its digest, and approved by its tag, must be what the tag means. */
static void match_tag(struct matching *m, const struct image_asker *who)
{
    const struct image *image = &m->grant->image;
    const json_t *images = json_object_get(m->row, "images");
    own(str_fini) char *tagged = tagged_of(image);
    own(json_fini) json_t *spec = json_pack("{s:s*}", "image", tagged);
    own(image_fini) struct image meant = {0};
    struct err err = {0};
    if (!images || !image->named[0] || !tagged || matches(images, image->place))
        return;
    if (image_parse(spec, &meant, &err) < 0 || find_image(m, &meant, who, &err) < 0)
        match_refuse(m, "image", "/executable/spec/image", "%s", err.text);
    else if (!str_same(meant.digest, image->digest))
        finding_amounts(match_refuse(m, "image-policy", "/executable/spec/digest",
                                     "the image %s, which may be run here, is not the one with "
                                     "this digest (Planner 2.1.2)",
                                     tagged),
                        json_string(image->digest), json_string(meant.digest));
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

/* How large it may be unpacked. */
static void take_limits(const struct matching *m)
{
    const json_t *size = json_object_get(m->row, "maxsize");
    const char *why;
    m->grant->bytes = IMAGE_BYTES;
    m->grant->files = json_int(m->row, "maxfiles", IMAGE_FILES);
    if (size)
        size_parse(size, false, &m->grant->bytes, &why);
}

static void match_container(struct matching *m)
{
    const json_t *spec = m->task->spec;
    struct image *image = &m->grant->image;
    const struct image_asker who = asker_of(m);
    struct err err = {0};
    take_limits(m);
    if (image_parse(spec, image, &err) == 0 && !match_policy(m, image))
        return;
    if (err.code || find_image(m, image, &who, &err) < 0) {
        match_refuse(m, "image", "/executable/spec/image", "%s", err.text);
        return;
    }
    if (!image->named[0] && str_same(json_text(m->row, "digest"), "required"))
        finding_amounts(match_refuse(m, "image-policy", "/executable/spec/digest",
                                     "images must be named by their digest here; this one is %s "
                                     "now (Planner 2.1.2)",
                                     image->digest),
                        NULL, json_string(image->digest));
    match_tag(m, &who);
    match_machine(m, "os", image->os);
    match_machine(m, "arch", image->arch);
    match_bases(m, &who);
}

void match_executable(struct matching *m)
{
    match_type(m);
    if (str_same(m->task->type, EXEC_TYPES "oci-container"))
        match_container(m);
}
