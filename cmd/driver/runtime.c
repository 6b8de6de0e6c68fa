#include "runtime.h"
#include <ctype.h>
#include <dirent.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include "container.h"
#include "host/spawn.h"
#include "model/requirement.h"
#include "model/task.h"

#define PYTHON "/usr/bin/python3"
#define WHEELS "/execdm/wheels"

#define IMAGES EXEC_TYPES "oci-container"

/* What runs it: a program, or Python with these modules. */
static const struct runtime {
    const char *type, *tool, *modules[3], *package;
} runtimes[] = {
    {IMAGES, "umoci", {NULL}, "umoci"},
    {EXEC_TYPES "python-program", PYTHON, {NULL}, "python3"},
    {EXEC_TYPES "jupyter-notebook",
     PYTHON,
     {"nbconvert", "nbformat", "ipykernel"},
     "jupyter-nbconvert and python3-ipykernel"},
};

/* --- what is installed --- */

/* 41 packages in under a millisecond, where Python itself takes a hundred times that: what is
 * installed has a directory NAME-VERSION.dist-info, or NAME-VERSION[-py3.x].egg-info. */
static void add_modules(json_t *modules, const char *dir)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        const char *name = e->d_name, *dot = strrchr(name, '.');
        if (!dot || (!str_same(dot, ".dist-info") && !str_same(dot, ".egg-info")))
            continue;
        const size_t n = strcspn(name, "-");
        own(str_fini) char *plain = requirement_name(name, n);
        own(str_fini) char *version =
            name + n < dot ? str_print("%.*s", (int)(dot - name - n - 1), name + n + 1) : NULL;
        char *python = version ? strstr(version, "-py") : NULL;
        if (python)
            *python = '\0';
        if (version && !json_object_get(modules, plain))
            json_object_set_new(modules, plain, json_string(version));
    }
    if (d)
        closedir(d);
}

/* The machine's own, which is the sandbox's, too. */
struct python {
    char *version; /* NULL: there is none */
    int minor;
    json_t *modules; /* from their names to their versions */
};

static void python_fini(struct python *p)
{
    free(p->version);
    json_decref(p->modules);
}

static void python_find(struct python *p)
{
    char *argv[] = {PYTHON, "-V", NULL};
    own(spawn_fini) struct spawn s = {.argv = argv, .deadline_ms = 5000};
    struct err ignored = {0};
    int major, minor;
    *p = (struct python){.modules = json_object()};
    if (access(argv[0], X_OK) < 0 || spawn_run(&s, &ignored) != 0 || !s.out.bytes ||
        sscanf(s.out.bytes, "Python %d.%d", &major, &minor) != 2)
        return;
    const char *version = s.out.bytes + strlen("Python ");
    own(str_fini) char *local = str_print("/usr/local/lib/python%d.%d/dist-packages", major, minor);
    own(str_fini) char *site = str_print("/usr/lib/python%d.%d/site-packages", major, minor);
    const char *const dirs[] = {local, "/usr/lib/python3/dist-packages", site};
    for (size_t i = 0; i < COUNT(dirs); i++)
        add_modules(p->modules, dirs[i]);
    p->version = str_print("%.*s", (int)strcspn(version, " +\n"), version);
    p->minor = minor;
}

/* --- what can run --- */

/* What isolates the programs here works: 0 and whether it keeps limits, or -1. */
static int probe_isolation(const json_t *config, bool *limits, struct err *err)
{
    own(container_fini) struct container engine = {0};
    if (!container_is_wanted(config))
        return sandbox_probe(json_text(config, "job-user"), err);
    if (container_find(&engine, config, err) < 0)
        return -1;
    *limits = engine.limits;
    return 0;
}

/* What of a runtime is not there; NULL: it is all there. */
static const char *missing_of(const struct runtime *r, const json_t *facts)
{
    own(str_fini) char *tool =
        *r->tool == '/' && access(r->tool, X_OK) == 0 ? str_new(r->tool) : spawn_find_tool(r->tool);
    if (!tool)
        return r->tool;
    for (size_t i = 0; i < COUNT(r->modules) && r->modules[i]; i++)
        if (!json_object_get(json_object_get(facts, "modules"), r->modules[i]))
            return r->modules[i];
    return NULL;
}

json_t *runtime_list(const json_t *config, const json_t *facts, bool *limits)
{
    json_t *list = json_array();
    struct err err = {0};
    bool sandboxed = probe_isolation(config, limits, &err) == 0;
    for (size_t i = 0; i < COUNT(runtimes); i++) {
        const char *missing = missing_of(&runtimes[i], facts);
        const bool other = container_is_wanted(config) && !str_same(runtimes[i].type, IMAGES);
        json_t *row =
            json_pack("{s:s,s:b}", "type", runtimes[i].type, "ok", sandboxed && !missing && !other);
        if (other)
            json_object_set_new(row, "reason",
                                json_string("a container engine runs images; put the program into "
                                            "one, as an oci-container"));
        else if (!sandboxed)
            json_object_set_new(row, "reason", json_string(err.text));
        else if (missing)
            json_object_set_new(
                row, "reason",
                json_sprintf("%s is not installed; install %s", missing, runtimes[i].package));
        json_array_append_new(list, row);
    }
    return list;
}

/* --- wheels --- */

int runtime_check(const json_t *config, struct err *err)
{
    const json_t *wheels = json_object_get(config, "wheels");
    const char *place = json_string_value(wheels);
    DIR *dir = place && *place == '/' ? opendir(place) : NULL;
    if (dir)
        closedir(dir);
    if (!wheels)
        return 0;
    if (!dir)
        return err_set(err, CODE_CONFIG, "driver-options: expected wheels to name a directory, %s",
                       place ? place : "not so");
    own(python_fini) struct python python;
    python_find(&python);
    if (json_object_get(python.modules, "pip"))
        return 0;
    return err_set(err, CODE_CONFIG,
                   "driver-options: wheels are installed by pip, which is not there; install "
                   "python3-pip");
}

/* Does one of the words between the dots fit? */
static bool fits(const char *tags, bool (*one)(const char *tag, int minor), int minor)
{
    own(str_fini) char *copy = str_new(tags);
    char *rest = copy, *tag;
    while ((tag = strsep(&rest, ".")))
        if (one(tag, minor))
            return true;
    return false;
}

/* The number that follows, to the end of the tag; -1: it is another tag. cp313t is not cp313. */
static int number_after(const char *tag, const char *begin)
{
    int number, end;
    const size_t n = strlen(begin);
    if (!str_begins(tag, begin) || !isdigit((unsigned char)tag[n]) ||
        sscanf(tag + n, "%d%n", &number, &end) != 1 || tag[n + (size_t)end])
        return -1;
    return number;
}

/* py3, py311, cp311: what is for a later Python than this is not for it. */
static bool fits_python(const char *tag, int minor)
{
    const int any = number_after(tag, "py3"), own_kind = number_after(tag, "cp3");
    return str_same(tag, "py3") || (any >= 0 && any <= minor) ||
           (own_kind >= 0 && own_kind <= minor);
}

/* The machine code of an extension module is for one Python, unless it says that it keeps to what
 * all have (abi3). */
static bool fits_abi(const char *tag, int minor)
{
    return str_same(tag, "none") || str_same(tag, "abi3") || number_after(tag, "cp3") == minor;
}

/* Is this C library one of the version X.Y that "manylinux_X_Y" needs at least (PEP 600), or an
 * older spelling of it? */
static bool fits_libc(const char *tag)
{
    static const char *const spellings[][2] = {{"manylinux1", "manylinux_2_5"},
                                               {"manylinux2010", "manylinux_2_12"},
                                               {"manylinux2014", "manylinux_2_17"}};
    int major, minor, end = 0, ours, our_minor;
    for (size_t i = 0; i < COUNT(spellings); i++)
        if (str_same(tag, spellings[i][0]))
            tag = spellings[i][1];
    return sscanf(tag, "manylinux_%d_%d%n", &major, &minor, &end) == 2 && !tag[end] &&
           sscanf(gnu_get_libc_version(), "%d.%d", &ours, &our_minor) == 2 && major == ours &&
           minor <= our_minor;
}

/* any; linux_MACHINE, manylinux_X_Y_MACHINE */
static bool fits_machine(const char *tag, int minor)
{
    struct utsname uts;
    (void)minor;
    uname(&uts);
    own(str_fini) char *end = str_print("_%s", uts.machine);
    const char *at = strstr(tag, end);
    own(str_fini) char *base = str_print("%.*s", at ? (int)(at - tag) : 0, tag);
    return str_same(tag, "any") ||
           (at && str_same(at, end) && (str_same(base, "linux") || fits_libc(base)));
}

/* Cuts off what follows the last hyphen, and gives it. */
static char *last_part(char *name)
{
    char *hyphen = strrchr(name, '-');
    if (!hyphen)
        return NULL;
    *hyphen = '\0';
    return hyphen + 1;
}

/* NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl: "name==version" when it is for this machine. The
 * caller frees. */
static char *wheel_of(const char *file, int minor)
{
    const char *end = strrchr(file, '.');
    if (!end || !str_same(end, ".whl"))
        return NULL;
    own(str_fini) char *name = str_print("%.*s", (int)(end - file), file);
    const char *platform = last_part(name), *abi = platform ? last_part(name) : NULL;
    const char *python = abi ? last_part(name) : NULL;
    char *version = strchr(name, '-');
    if (!python || !version || !fits(python, fits_python, minor) || !fits(abi, fits_abi, minor) ||
        !fits(platform, fits_machine, minor))
        return NULL;
    own(str_fini) char *plain = requirement_name(name, (size_t)(version - name));
    version++;
    return str_print("%s==%.*s", plain, (int)strcspn(version, "-"), version);
}

static json_t *list_wheels(const char *place, int minor)
{
    json_t *list = json_array();
    DIR *d = opendir(place);
    for (const struct dirent *e; d && (e = readdir(d));) {
        own(str_fini) char *wheel = wheel_of(e->d_name, minor);
        if (wheel)
            json_array_append_new(list, json_string(wheel));
    }
    if (d)
        closedir(d);
    return list;
}

/* pip leaves alone what is installed and will do; if all was when the job was planned, it may run
 * without pip, which may have gone since. What it installs goes below HOME, which is the job's own,
 * and where Python looks first. */
void runtime_install(struct sandbox *s, const json_t *exec, const json_t *config)
{
    static const char *const words[] = {
        "/bin/sh", "-c",
        "if " PYTHON " -c 'import importlib.util as u; exit(not u.find_spec(\"pip\"))'; then\n"
        "PIP_BREAK_SYSTEM_PACKAGES=1 " PYTHON " -m pip install --quiet --user --no-index"
        " --find-links=" WHEELS " --no-cache-dir --disable-pip-version-check --no-input"
        " --no-warn-script-location --requirement=\"$0\" >&2 ||"
        " { echo 'execdm: the requirements cannot be installed from the wheels here' >&2; exit 1; "
        "}\nfi\n"
        "exec \"$@\""};
    const char *requirements = json_text(exec, "requirements");
    const char *wheels = json_text(config, "wheels");
    if (!requirements || !wheels)
        return;
    sandbox_mount(s, wheels, WHEELS, false);
    for (size_t i = 0; i < COUNT(words); i++)
        strs_add(&s->argv, words[i]);
    strs_add(&s->argv, requirements);
}

/* Every name in a directory. */
static void add_names(json_t *names, const char *dir)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            json_array_append_new(names, json_string(e->d_name));
    if (d)
        closedir(d);
}

/* What a program finds of Python in its sandbox, where /usr is the machine's own. */
void runtime_facts(json_t *facts, const json_t *config)
{
    own(python_fini) struct python python;
    python_find(&python);
    if (!python.version)
        return;
    json_t *kernels = json_array();
    add_names(kernels, "/usr/local/share/jupyter/kernels");
    add_names(kernels, "/usr/share/jupyter/kernels");
    json_object_set_new(facts, "python", json_string(python.version));
    json_object_set(facts, "modules", python.modules);
    json_object_set_new(facts, "kernels", kernels);
    if (json_text(config, "wheels") && json_object_get(python.modules, "pip"))
        json_object_set_new(facts, "wheels",
                            list_wheels(json_text(config, "wheels"), python.minor));
}
