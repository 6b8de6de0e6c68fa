#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "host/budget.h"
#include "host/path.h"
#include "host/sandbox.h"
#include "host/spawn.h"
#include "host/unpack.h"
#include "text/write.h"

#define UNPACK_S 900 /* how long unpacking may take */
#define REF_NAME "org.opencontainers.image.ref.name"

/* One unpacking under way. */
struct unpacking {
    const struct image *image;
    const struct image_place *place;
    const char *work; /* a directory of ours in it */
    bool foreign;     /* who unpacks is not us: its files must be given to it */
    char *layout;     /* where the blobs are now: the image's own directory, or below work */
    json_t *config;   /* its configuration: read once, as who owns the directory may change it */
};

static void unpacking_fini(struct unpacking *u)
{
    free(u->layout);
    json_decref(u->config);
}

/* --- running others on it --- */

/* What becomes a program in a sandbox with no file larger than all may be. */
struct bounded {
    struct sandbox *sandbox;
    int64_t bytes;
};

static void become_bounded(void *context)
{
    const struct bounded *b = context;
    const rlim_t most = (rlim_t)b->bytes;
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){most, most});
    sandbox_become(b->sandbox);
}

static int judge_run(struct spawn *run, int rc, struct budget *budget, struct err *err)
{
    if (budget_spent(budget, rc >= 0)) {
        *err = budget->why;
        return -1;
    }
    if (rc < 0)
        return -1;
    if (run->stopped)
        return err_set(err, CODE_TEMP, "unpacking was stopped");
    if (rc == 0)
        return 0;
    const char *said = spawn_last_error(run);
    said +=
        strcspn(said, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/"); /* umoci's cross */
    if (strcasestr(said, "file too large")) {
        budget_too_large(budget);
        *err = budget->why;
        return -1;
    }
    if (run->errors.len && strstr(run->errors.bytes, "\ngoroutine "))
        return err_set(err, CODE_DATA, "umoci broke down over it");
    return err_set(err, rc == CODE_UNAVAIL ? CODE_UNAVAIL : CODE_DATA, "%s", said);
}

/* `dir` is what it fills. */
static int run_sandboxed(const struct unpacking *u, struct sandbox *s, const char *dir,
                         struct err *err)
{
    char *argv[] = {"bubblewrap", NULL};
    struct bounded bounded = {s, u->place->bytes};
    struct budget budget = {.dir = dir,
                            .bytes = u->place->bytes,
                            .files = u->place->files,
                            .stop = u->place->who.stop,
                            .context = u->place->who.context};
    own(spawn_fini) struct spawn run = {.argv = argv,
                                        .deadline_ms = UNPACK_S * 1000,
                                        .stop = budget_stop,
                                        .context = &budget,
                                        .exec = become_bounded,
                                        .exec_context = &bounded};
    const int rc = spawn_run(&run, err);
    return judge_run(&run, rc, &budget, err);
}

/* --- the blobs, where umoci can read them --- */

/* How large a blob is that lies there as a file. */
static int measure(const char *layout, const char *digest, int64_t *sum, struct err *err)
{
    struct stat st;
    if (!image_digest_valid(digest))
        return err_set(err, CODE_DATA, "a part of the image has no sha256 digest");
    own(str_fini) char *path = str_print("%s/blobs/sha256/%s", layout, digest + 7);
    if (lstat(path, &st) < 0)
        return err_set(err, CODE_DATA, "the image's part %s is not there", digest);
    if (!S_ISREG(st.st_mode))
        return err_set(err, CODE_DATA, "the image's part %s is no file", digest);
    *sum += st.st_size;
    return 0;
}

/* umoci believes that both say the same number. */
static int check_layers(const json_t *manifest, const json_t *config, struct err *err)
{
    const json_t *diffs = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    const size_t named = json_array_size(json_object_get(manifest, "layers"));
    if (json_array_size(diffs) != named)
        return err_set(err, CODE_DATA, "its manifest has %zu layers, its configuration %zu", named,
                       json_array_size(diffs));
    return 0;
}

/* What the image is made of: its manifest, its configuration, its layers; all is there, as files,
 * and packed no larger than it may be unpacked. */
static int list_parts(struct unpacking *u, const char *layout, struct strs *parts, struct err *err)
{
    own(json_fini) json_t *manifest = NULL;
    int64_t sum = 0;
    size_t i;
    json_t *layer;
    if (image_blob(layout, u->image->digest, &manifest, err) < 0)
        return -1;
    const char *config = json_text(json_object_get(manifest, "config"), "digest");
    strs_add(parts, u->image->digest);
    strs_add(parts, config ? config : "");
    json_array_foreach (json_object_get(manifest, "layers"), i, layer) {
        const char *digest = json_text(layer, "digest");
        strs_add(parts, digest ? digest : "");
    }
    for (i = 0; i < parts->n; i++)
        if (measure(layout, parts->list[i], &sum, err) < 0)
            return -1;
    if (image_blob(layout, config, &u->config, err) < 0 ||
        check_layers(manifest, u->config, err) < 0)
        return -1;
    if (sum > u->place->bytes)
        return err_set(err, CODE_DATA,
                       "packed it is larger already than it may be unpacked; a platform allows "
                       "more with maxsize, beside oci-container (execdm-platform(5))");
    return 0;
}

/* Copies files into a directory of ours. */
static int copy(const struct unpacking *u, const struct strs *files, const char *to,
                struct err *err)
{
    own(str_fini) char *cp = spawn_find_tool("cp");
    own(strs_fini) struct strs argv = {0};
    if (!cp)
        return err_set(err, CODE_UNAVAIL, "cp is not installed");
    strs_add(&argv, cp);
    strs_add(&argv, "--reflink=auto");
    strs_add(&argv, "--");
    for (size_t i = 0; i < files->n; i++)
        strs_add(&argv, files->list[i]);
    strs_add(&argv, to);
    own(spawn_fini) struct spawn run = {.argv = argv.list,
                                        .deadline_ms = UNPACK_S * 1000,
                                        .stop = u->place->who.stop,
                                        .context = u->place->who.context};
    int rc = spawn_run(&run, err);
    if (rc < 0)
        return -1;
    if (run.stopped)
        return err_set(err, CODE_TEMP, "unpacking was stopped");
    return rc ? err_set(err, CODE_IO, "%s", spawn_last_error(&run)) : 0;
}

/* Of a layout of somebody's: root unpacks as the job account, to whom a file of root's may be
 * closed. It gets a copy; else umoci reads it where it is. */
static int bring_layout(struct unpacking *u, struct err *err)
{
    own(strs_fini) struct strs parts = {0}, files = {0};
    own(str_fini) char *to = str_print("%s/layout/blobs/sha256", u->work);
    if (list_parts(u, u->image->path, &parts, err) < 0)
        return -1;
    if (!u->foreign) {
        u->layout = str_new(u->image->path);
        return 0;
    }
    for (size_t i = 0; i < parts.n; i++)
        strs_print(&files, "%s/blobs/sha256/%s", u->image->path, parts.list[i] + 7);
    u->layout = str_print("%s/layout", u->work);
    return path_mkdirs(to, 0700, err) < 0 ? -1 : copy(u, &files, to, err);
}

static int bring_archive(struct unpacking *u, uid_t uid, gid_t gid, struct err *err)
{
    own(str_fini) char *archive = str_print("%s/archive", u->work);
    own(strs_fini) struct strs parts = {0}, file = {0};
    own(sandbox_fini) struct sandbox s = {.account = u->place->account, .info_fd = -1};
    static const char *const words[] = {"/usr/bin/tar",
                                        "-xf",
                                        "/archive",
                                        "-C",
                                        "/layout",
                                        "--no-same-owner",
                                        "--exclude=index.json",
                                        "--exclude=oci-layout"};
    strs_add(&file, u->image->path);
    if (u->foreign &&
        (copy(u, &file, archive, err) < 0 || path_own_tree(u->work, uid, gid, err) < 0))
        return -1;
    for (size_t i = 0; i < COUNT(words); i++)
        strs_add(&s.argv, words[i]);
    u->layout = str_print("%s/layout", u->work);
    sandbox_mount(&s, u->foreign ? archive : u->image->path, "/archive", false);
    sandbox_mount(&s, u->layout, "/layout", true);
    if (run_sandboxed(u, &s, u->layout, err) < 0)
        return -1;
    return list_parts(u, u->layout, &parts, err);
}

/* Of a layout that we made ourselves, and nobody else needs. */
static int bring_own(struct unpacking *u, struct err *err)
{
    own(strs_fini) struct strs parts = {0};
    own(str_fini) char *from = str_print("%s/blobs", u->image->path);
    own(str_fini) char *to = str_print("%s/layout/blobs", u->work);
    u->layout = str_print("%s/layout", u->work);
    if (list_parts(u, u->image->path, &parts, err) < 0)
        return -1;
    return rename(from, to) < 0 ? err_sys(err, "cannot rename %s", from) : 0;
}

/* Layout with one manifest under a tag of ours, so that exactly this digest is unpacked. umoci
 * checks the blobs against their digests. */
static int write_layout(const struct unpacking *u, struct err *err)
{
    own(str_fini) char *layout_file = str_print("%s/layout/oci-layout", u->work);
    own(str_fini) char *index_file = str_print("%s/layout/index.json", u->work);
    own(json_fini) json_t *only = json_copy(u->image->descriptor);
    static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    json_object_set_new(only, "annotations", json_pack("{s:s}", REF_NAME, IMAGE_TAG));
    own(json_fini) json_t *index = json_pack("{s:i,s:[O]}", "schemaVersion", 2, "manifests", only);
    own(str_fini) char *text = write_string(index);
    if (path_write(layout_file, version, sizeof(version) - 1, 0644, err) < 0 ||
        path_write(index_file, text, strlen(text), 0644, err) < 0)
        return -1;
    return 0;
}

/* --- and its files --- */

static int run_umoci(const struct unpacking *u, struct err *err)
{
    own(str_fini) char *layout = str_print("%s/layout", u->work);
    own(str_fini) char *blobs = str_print("%s/blobs", u->layout);
    own(str_fini) char *out = str_print("%s/out", u->work);
    own(str_fini) char *umoci = spawn_find_tool("umoci");
    own(sandbox_fini) struct sandbox s = {.account = u->place->account, .info_fd = -1};
    if (!umoci)
        return err_set(err, CODE_UNAVAIL, "umoci is not installed; install the package umoci");
    static const char *const words[] = {
        "raw", "unpack", "--rootless", "--image", ("/layout:" IMAGE_TAG), "/out/rootfs",
    };
    strs_add(&s.argv, umoci);
    for (size_t i = 0; i < COUNT(words); i++)
        strs_add(&s.argv, words[i]);
    strs_add(&s.env, "HOME=/tmp");
    sandbox_mount(&s, layout, "/layout", false);
    if (!str_same(layout, u->layout))
        sandbox_mount(&s, blobs, "/layout/blobs", false);
    sandbox_mount(&s, out, "/out", true);
    return run_sandboxed(u, &s, out, err);
}

/* What the image says about its process. Not from the runtime configuration that umoci writes: that
 * one names a shell and a terminal where the image names none. umoci has checked the digests. */
static int keep_config(const struct unpacking *u, struct err *err)
{
    own(str_fini) char *kept = str_print("%s/config.json", u->work);
    own(json_fini) json_t *args = json_array();
    const json_t *config = json_object_get(u->config, "config");
    json_array_extend(args, json_object_get(config, "Entrypoint"));
    json_array_extend(args, json_object_get(config, "Cmd"));
    own(json_fini) json_t *small =
        json_pack("{s:O,s:O*,s:O*}", "args", args, "env", json_object_get(config, "Env"), "cwd",
                  json_object_get(config, "WorkingDir"));
    own(str_fini) char *text = write_string(small);
    return path_write(kept, text, strlen(text), 0600, err);
}

/* Its files alone stay. */
static int tidy(const struct unpacking *u, struct err *err)
{
    own(str_fini) char *from = str_print("%s/out/rootfs", u->work);
    own(str_fini) char *to = str_print("%s/rootfs", u->work);
    static const char *const rest[] = {"out", "layout", "archive"};
    if (rename(from, to) < 0)
        return err_sys(err, "cannot rename %s", from);
    for (size_t i = 0; i < COUNT(rest); i++) {
        own(str_fini) char *path = str_print("%s/%s", u->work, rest[i]);
        if (path_remove(path, err) < 0)
            return -1;
    }
    own(fd_fini) int fd = open(u->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || syncfs(fd) < 0 ? err_sys(err, "cannot sync %s", u->work) : 0;
}

int unpack_into(const struct image *image, const struct image_place *place, const char *work,
                bool ours, struct err *err)
{
    own(unpacking_fini) struct unpacking u = {.image = image, .place = place, .work = work};
    own(str_fini) char *out = str_print("%s/out", work);
    own(str_fini) char *blobs = str_print("%s/layout/blobs", work);
    uid_t uid;
    gid_t gid;
    if (sandbox_identity(place->account, &uid, &gid, err) < 0 || path_mkdirs(out, 0700, err) < 0 ||
        path_mkdirs(blobs, 0755, err) < 0)
        return -1;
    u.foreign = uid != geteuid();
    if ((image->archive ? bring_archive(&u, uid, gid, err)
         : ours         ? bring_own(&u, err)
                        : bring_layout(&u, err)) < 0 ||
        write_layout(&u, err) < 0 || (u.foreign && path_own_tree(work, uid, gid, err) < 0) ||
        run_umoci(&u, err) < 0 || keep_config(&u, err) < 0)
        return -1;
    return tidy(&u, err);
}
