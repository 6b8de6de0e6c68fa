/* Which image is meant, how much of one may be unpacked, and what those get who are not of this
 * machine. */
#include <sys/stat.h>
#include "host/budget.h"
#include "host/image.h"
#include "host/path.h"
#include "host/registry.h"
#include "plan/match.h"
#include "tap.h"

#define DIGEST "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct {
    const char *image, *repo, *version, *digest;
    const char *place, *path, *tag, *named; /* place "!": refused; neither: of no registry */
} names[] = {
    {"oci:/a/b", NULL, NULL, NULL, NULL, "/a/b", NULL, ""},
    {"oci:/a/b:c", NULL, NULL, DIGEST, NULL, "/a/b", "c", DIGEST},
    {"oci-archive:/a.b/c.tar:1.0", NULL, NULL, NULL, NULL, "/a.b/c.tar", "1.0", ""},
    {"oci:/a:b/c", NULL, NULL, NULL, NULL, "/a:b/c", NULL, ""},
    {"r.example.org/a", NULL, NULL, NULL, "r.example.org/a", NULL, NULL, ""},
    {"docker://r.example.org/a/b:1", NULL, NULL, NULL, "r.example.org/a/b", NULL, "1", ""},
    {"r.example.org:5000/a", NULL, "1", NULL, "r.example.org:5000/a", NULL, "1", ""},
    {"r.example.org:5000/a:2", NULL, "2", DIGEST, "r.example.org:5000/a", NULL, "2", DIGEST},
    {"localhost/a", NULL, NULL, NULL, "localhost/a", NULL, NULL, ""},
    {"r.example.org/a@" DIGEST, NULL, NULL, NULL, "r.example.org/a", NULL, NULL, DIGEST},
    {"r.example.org/a:1@" DIGEST, NULL, NULL, DIGEST, "r.example.org/a", NULL, "1", DIGEST},
    {"a/b", "r.example.org", NULL, NULL, "r.example.org/a/b", NULL, NULL, ""},
    {"a", "r.example.org/group/", "1", NULL, "r.example.org/group/a", NULL, "1", ""},
    {"r.example.org/a", "s.example.org", NULL, NULL, "r.example.org/a", NULL, NULL, ""},
    {"a", NULL, NULL, NULL, NULL, NULL, NULL, ""},
    {"group/a:1", NULL, NULL, NULL, NULL, NULL, NULL, ""},
    {"r.example.org/a:1", NULL, "2", NULL, "!", NULL, NULL, ""},
    {"r.example.org/a@" DIGEST, NULL, NULL, "sha256:12", "!", NULL, NULL, ""},
    {"r.example.org/a@sha256:12", NULL, NULL, NULL, "!", NULL, NULL, ""},
    {"r.example.org/a@md5:12", NULL, NULL, NULL, "!", NULL, NULL, ""},
    {"r.example.org/A", NULL, NULL, NULL, "!", NULL, NULL, ""},
    {"r.example.org/a:-x/y", NULL, NULL, NULL, "!", NULL, NULL, ""},
    {"r.example.org/a b", NULL, NULL, NULL, "!", NULL, NULL, ""},
    {"r.example.org/", NULL, NULL, NULL, "!", NULL, NULL, ""},
    {"r.example.org/a:", NULL, NULL, NULL, "!", NULL, NULL, ""},
    {"a", "--flag", NULL, NULL, "!", NULL, NULL, ""},
    {"a", "https://r.example.org", NULL, NULL, "!", NULL, NULL, ""},
    {"a", "user@r.example.org", NULL, NULL, "!", NULL, NULL, ""},
};

static void test_names(void)
{
    for (size_t i = 0; i < COUNT(names); i++) {
        own(json_fini) json_t *spec =
            json_pack("{s:s,s:s*,s:s*,s:s*}", "image", names[i].image, "repo", names[i].repo,
                      "version", names[i].version, "digest", names[i].digest);
        own(image_fini) struct image image = {0};
        struct err err = {0};
        const bool good = image_parse(spec, &image, &err) == 0;
        if (str_same(names[i].place, "!")) {
            ok(!good && err.code == CODE_DATA && err.text[0], names[i].image);
            continue;
        }
        is_str(image.place, names[i].place, names[i].image);
        is_str(image.path, names[i].path, names[i].image);
        is_str(image.tag, names[i].tag, names[i].image);
        is_str(image.named, names[i].named, names[i].image);
    }
}

/* Nobody is asked: a registry here, or an image here, is not for those elsewhere. */
static void test_others(void)
{
    static const char *const private[] = {"127.0.0.1:1/a", "localhost:1/a", "10.1.2.3/a:1",
                                          "192.168.1.1:5000/a"};
    const struct image_asker other = {.identity = "somebody-else"};
    for (size_t i = 0; i < COUNT(private); i++) {
        own(json_fini) json_t *spec = json_pack("{s:s}", "image", private[i]);
        own(image_fini) struct image image = {0};
        struct err err = {0};
        image_parse(spec, &image, &err);
        ok(image_find(&image, &other, &err) < 0 && err.code == CODE_PERM, private[i]);
        ok(strstr(err.text, "private network") && strstr(err.text, "private-addresses"), err.text);
    }
}

/* As match_image answers for an identity. */
static char *refusal(const char *images, const char *identity)
{
    struct err err = {0};
    own(json_fini) json_t *doc =
        json_pack("{s:{s:s,s:{s:s}}}", "executable", "type", EXEC_TYPES "oci-container", "spec",
                  "image", "oci:/nowhere/tool");
    own(json_fini) json_t *row = json_pack("{s:s}", "type", EXEC_TYPES "oci-container");
    if (images)
        json_object_set_new(row, "images", json_pack("[s]", images));
    own(json_fini) json_t *site =
        json_pack("{s:s,s:s,s:[O],s:{s:i,s:i}}", "name", "lab", "driver", "none", "executables",
                  row, "compute", "cores", 1, "memory", 1);
    own(json_fini) json_t *probe =
        json_pack("{s:[{s:s,s:b}]}", "runtimes", "type", EXEC_TYPES "oci-container", "ok", 1);
    own(json_fini) json_t *documents = json_object();
    own(task_fini) struct task task = {0};
    own(platform_fini) struct platform platform = {0};
    own(findings_fini) struct findings findings = {0};
    own(grant_fini) struct grant grant = {0};
    const struct policy policy = {.who = {.name = (char *)identity}};
    if (task_init(&task, doc, &err) < 0 || platform_init(&platform, site, probe, &err) < 0 ||
        match_image(&task, &platform, NULL, &policy, documents, &grant, &findings))
        return str_new(err.text);
    return str_new(findings.list[0].rule);
}

static void test_local(void)
{
    own(str_fini) char *listed = refusal("oci:/nowhere/*", "somebody-else");
    own(str_fini) char *open = refusal(NULL, "somebody-else");
    own(str_fini) char *other = refusal("oci:/other/*", "somebody-else");
    is_str(open, "image-policy", "an image on this machine is not for others");
    is_str(other, "image-policy", "nor is one that is not listed");
    is_str(listed, "image", "one that is listed is: that it is not there is another reason");
}

static void test_budget(void)
{
    char dir[] = "budget.XXXXXX";
    struct err err = {0};
    if (!ok(mkdtemp(dir) != NULL, "a directory"))
        return;
    own(str_fini) char *closed = str_print("%s/closed", dir);
    own(str_fini) char *file = str_print("%s/file", closed);
    own(str_fini) char *again = str_print("%s/again", dir);
    static const char bytes[100000];
    ok(mkdir(closed, 0700) == 0 && path_write(file, bytes, sizeof(bytes), 0600, &err) == 0 &&
           link(file, again) == 0 && chmod(closed, 0) == 0,
       "a file of two names, one in a closed directory");
    struct budget enough = {.dir = dir, .bytes = 150000, .files = 3};
    struct budget small = {.dir = dir, .bytes = 90000, .files = 3};
    struct budget few = {.dir = dir, .bytes = 150000, .files = 2};
    ok(!budget_spent(&enough, true), "a file with two names counts once");
    ok(budget_spent(&small, true) && strstr(small.why.text, "maxsize"), small.why.text);
    ok(budget_spent(&few, true) && strstr(few.why.text, "maxfiles"), few.why.text);
    ok(!budget_spent(&enough, false), "it is not looked at again at once");
    path_remove(dir, &err);
}

int main(void)
{
    setenv("EXECDM_CONFIG", "/nonexistent", 1);
    test_names();
    test_others();
    test_local();
    test_budget();
    return tap_end();
}
