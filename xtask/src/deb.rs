//! `deb`: Debian packages that take the place of the originals.
//!
//! | package | what is in it | instead of |
//! |---|---|---|
//! | `evoxide-libevent` | `libevent-2.1.so.7` and a small object for each other name | `libevent-2.1-7`, `libevent-core-2.1-7`, ... |
//! | `evoxide-libevent-openssl` | `libevent_openssl-2.1.so.7`, where `dist` could build it | `libevent-openssl-2.1-7` |
//! | `evoxide-libevent-dev` | headers, archives, what the linker reads, `.pc`, CMake's files, manual pages | `libevent-dev` |
//! | `evoxide-libev`, `evoxide-libev-dev` | the same for libev | `libev4`, `libev-dev` |
//! | `evoxide-run` | the script of that name | |
//!
//! Each provides what it replaces in the version that this machine's Debian has, so that `apt` takes it for the original:
//! dependants stay, and installing the original removes ours. `--root` tries that in a fresh system (`deb/root.rs`).

mod root;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::dist::share::copy_each;
use crate::dist::{self, Dist};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{cc, nm, packages, symtab, tree};

/// The names that evoxide's libevent has besides the first, with the Debian package of each.
const PARTS: [(&str, &str); 4] = [
    ("libevent", "libevent-2.1-7"),
    ("libevent_core", "libevent-core-2.1-7"),
    ("libevent_extra", "libevent-extra-2.1-7"),
    ("libevent_pthreads", "libevent-pthreads-2.1-7"),
];

/// The adaptor's name and its Debian package.
const OPENSSL: (&str, &str) = ("libevent_openssl", "libevent-openssl-2.1-7");

/// What the packages of one build have in common.
struct Build<'a> {
    dist: &'a Dist,
    /// `x86_64-linux-gnu`.
    triplet: String,
    /// `amd64`.
    arch: String,
    /// Ours.
    version: String,
    /// The originals' here.
    libevent: String,
    libev: String,
    out: PathBuf,
}

/// One package being filled.
struct Package {
    name: &'static str,
    about: &'static str,
    section: &'static str,
    depends: String,
    /// Packages that this one stands for, each `NAME (= VERSION)`.
    stands_for: Vec<String>,
    root: PathBuf,
}

/// `cargo xtask deb`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    packages::ensure(packages::DEB)?;
    let dist = dist::build(opts)?;
    let debs = build(&dist, &version(opts, "")?)?;
    for deb in &debs {
        println!("{} ({} kB)", deb.display(), deb.metadata().map_or(0, |m| m.len()) / 1000);
    }
    if !opts.flag("root") {
        return Ok(Tally { passed: debs.len(), failed: 0 });
    }
    root::run(&debs, &build(&dist, &version(opts, "+next")?)?)
}

/// The workspace's version, or `--version`, with a suffix.
fn version(opts: &Opts, suffix: &str) -> Result<String, String> {
    let manifest = tree::read(&tree::root().join("Cargo.toml"))?;
    let own = manifest.lines().find_map(|l| l.strip_prefix("version = ")).ok_or("no version")?.trim().trim_matches('"');
    Ok(format!("{}{suffix}", opts.value("version").unwrap_or(own)))
}

/// Builds all packages in that version; their files.
fn build(dist: &Dist, version: &str) -> Result<Vec<PathBuf>, String> {
    let text = |cmd: &mut Command| proc::text(cmd).map(|text| text.trim().to_string());
    let original = |name: &str| text(Command::new("dpkg-query").args(["-W", "-f", "${Version}\n", name]));
    let first = |text: String| text.lines().next().unwrap_or_default().to_string();
    let build = Build {
        dist,
        triplet: text(cc::cc().arg("-print-multiarch"))?,
        arch: text(Command::new("dpkg").arg("--print-architecture"))?,
        version: version.to_string(),
        libevent: first(original("libevent-2.1-7")?),
        libev: first(original("libev4")?),
        out: tree::scratch(&format!("deb/{version}"))?,
    };
    let mut made = vec![libevent(&build)?, libevent_dev(&build)?, libev(&build)?, libev_dev(&build)?, run(&build)?];
    if build.has_openssl() {
        made.push(libevent_openssl(&build)?);
    }
    made.into_iter().map(|package| build.pack(&package)).collect()
}

/// The shared objects of libevent.
fn libevent(b: &Build) -> Result<Package, String> {
    let stands_for = PARTS.map(|(_, package)| format!("{package} (= {})", b.libevent)).to_vec();
    let p = b.package("evoxide-libevent", "memory-safe libevent 2.1", "libs", stands_for)?;
    let lib = b.lib(&p)?;
    let object = lib.join(dist::OBJECT);
    b.strip(&b.dist.lib().join(dist::OBJECT), &object)?;
    link(dist::OBJECT, &lib.join("libevent-2.1.so.7"))?;
    // Each other name is an object of its own that needs the first: a link would have that one's soname.
    for (name, _) in &PARTS[1..] {
        let mut cmd = cc::cc();
        cmd.args(["-shared", "-nostdlib", "-s", "-o"]).arg(lib.join(format!("{name}-2.1.so.7")));
        cmd.arg(format!("-Wl,-soname,{name}-2.1.so.7,--no-as-needed")).arg(&object).args(["-x", "c", "/dev/null"]);
        cc::compile(&mut cmd)?;
    }
    let have = nm::names(&b.dist.lib().join(dist::OBJECT))?;
    let rows = symtab::libevent()?;
    let (mut shlibs, mut symbols) = (String::new(), String::new());
    for (name, package) in PARTS {
        let _ = writeln!(shlibs, "{name}-2.1 7 {package} (>= 2.1.12-stable)");
        let names = rows.iter().filter(|row| symtab::belongs(row, name)).map(|row| &row.name);
        let names: BTreeSet<&String> = names.filter(|n| have.contains(*n)).collect();
        let _ = writeln!(symbols, "{name}-2.1.so.7 {package} #MINVER#\n| evoxide-libevent (>= {})", b.version);
        for name in names {
            let _ = writeln!(symbols, " {name}@Base 2.1.12-stable");
        }
        for ours in have.iter().filter(|n| name == "libevent" && n.starts_with("evoxide_")) {
            let _ = writeln!(symbols, " {ours}@Base {} 1", b.version);
        }
    }
    b.control(&p, "shlibs", &shlibs)?;
    b.control(&p, "symbols", &symbols)?;
    Ok(p)
}

/// The adaptor to OpenSSL.
fn libevent_openssl(b: &Build) -> Result<Package, String> {
    let stands_for = vec![format!("{} (= {})", OPENSSL.1, b.libevent)];
    let mut p = b.package("evoxide-libevent-openssl", "TLS for evoxide's libevent", "libs", stands_for)?;
    p.depends = format!("evoxide-libevent (= {}), libssl3 (>= 3.0.0)", b.version);
    let lib = b.lib(&p)?;
    b.strip(&b.dist.lib().join(dist::OPENSSL), &lib.join(dist::OPENSSL))?;
    link(dist::OPENSSL, &lib.join("libevent_openssl-2.1.so.7"))?;
    let mut symbols = format!("{}-2.1.so.7 {} #MINVER#\n", OPENSSL.0, OPENSSL.1);
    symbols.push_str(&format!("| evoxide-libevent-openssl (>= {})\n", b.version));
    for name in nm::names(&b.dist.lib().join(dist::OPENSSL))? {
        let _ = writeln!(symbols, " {name}@Base 2.1.12-stable");
    }
    b.control(&p, "shlibs", &format!("{}-2.1 7 {} (>= 2.1.12-stable)\n", OPENSSL.0, OPENSSL.1))?;
    b.control(&p, "symbols", &symbols)?;
    Ok(p)
}

/// What is needed to build with libevent.
fn libevent_dev(b: &Build) -> Result<Package, String> {
    let stands_for = vec![format!("libevent-dev (= {})", b.libevent)];
    let mut p = b.package("evoxide-libevent-dev", "development files of evoxide's libevent", "libdevel", stands_for)?;
    p.depends = format!("evoxide-libevent (= {})", b.version);
    let lib = b.lib(&p)?;
    let include = p.root.join("usr/include");
    tree::copy_dir(&cc::include("libevent"), &include)?;
    b.strip_archive(&b.dist.lib().join("libevent.a"), &lib.join("libevent.a"))?;
    // What the linker reads lies apart, and a script leads there: `ldconfig` would take it for the library.
    let apart = lib.join("evoxide-link");
    tree::make_dir(&apart)?;
    for (name, _) in PARTS {
        copy_each(&[b.dist.lib().join(format!("link/{name}.so"))], &apart)?;
        let script = format!("/* GNU ld script */\nINPUT(/usr/lib/{}/evoxide-link/{name}.so)\n", b.triplet);
        tree::write(&lib.join(format!("{name}.so")), &script)?;
        if name != "libevent" {
            link("libevent.a", &lib.join(format!("{name}.a")))?;
        }
    }
    for pc in tree::list(&b.dist.lib().join("pkgconfig"), ".pc") {
        let name = pc.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let parts = PARTS.iter().map(|(part, _)| *part).chain(b.has_openssl().then_some(OPENSSL.0));
        if parts.into_iter().any(|part| name == format!("{part}.pc")) {
            let text = tree::read(&pc)?.replace("prefix=${pcfiledir}/../..", "prefix=/usr");
            let text = text.replace("libdir=${prefix}/lib\n", &format!("libdir=${{prefix}}/lib/{}\n", b.triplet));
            tree::make_dir(&lib.join("pkgconfig"))?;
            tree::write(&lib.join("pkgconfig").join(name), &text)?;
        }
    }
    if b.has_openssl() {
        p.depends.push_str(&format!(", evoxide-libevent-openssl (= {})", b.version));
        b.strip_archive(&b.dist.lib().join("libevent_openssl.a"), &lib.join("libevent_openssl.a"))?;
        link(dist::OPENSSL, &lib.join("libevent_openssl.so"))?;
    }
    copy_each(&tree::list(&b.dist.root.join("lib/cmake/libevent"), ""), &lib.join("cmake/libevent"))?;
    b.manual(&p, |name| name != "ev.3")?;
    Ok(p)
}

/// The shared object of libev.
fn libev(b: &Build) -> Result<Package, String> {
    let stands_for = vec![format!("libev4 (= {})", b.libev)];
    let p = b.package("evoxide-libev", "memory-safe libev 4.33", "libs", stands_for)?;
    let lib = b.lib(&p)?;
    b.strip(&b.dist.lib().join("libev.so.4.0.0"), &lib.join("libev.so.4.0.0"))?;
    link("libev.so.4.0.0", &lib.join("libev.so.4"))?;
    let mut symbols = String::from("libev.so.4 libev4 #MINVER#\n");
    for name in symtab::libev()? {
        let _ = writeln!(symbols, " {name}@Base 1:4.33");
    }
    b.control(&p, "shlibs", "libev 4 libev4 (>= 1:4.33)\n")?;
    b.control(&p, "symbols", &symbols)?;
    Ok(p)
}

/// What is needed to build with libev.
fn libev_dev(b: &Build) -> Result<Package, String> {
    let stands_for = vec![format!("libev-dev (= {})", b.libev)];
    let mut p = b.package("evoxide-libev-dev", "development files of evoxide's libev", "libdevel", stands_for)?;
    p.depends = format!("evoxide-libev (= {})", b.version);
    let lib = b.lib(&p)?;
    tree::copy_dir(&cc::include("libev"), &p.root.join("usr/include"))?;
    b.strip_archive(&b.dist.lib().join("libev.a"), &lib.join("libev.a"))?;
    link("libev.so.4.0.0", &lib.join("libev.so"))?;
    b.manual(&p, |name| name == "ev.3")?;
    Ok(p)
}

/// `evoxide-run`, which serves where the originals are to stay: with libraries of its own.
fn run(b: &Build) -> Result<Package, String> {
    let p = b.package("evoxide-run", "run a program on evoxide's libevent and libev", "utils", Vec::new())?;
    let lib = b.lib(&p)?.join("evoxide");
    tree::make_dir(&lib)?;
    b.strip(&b.dist.lib().join(dist::OBJECT), &lib.join(dist::OBJECT))?;
    b.strip(&b.dist.lib().join("libev.so.4.0.0"), &lib.join("libev.so.4"))?;
    for (name, _) in PARTS {
        link(dist::OBJECT, &lib.join(format!("{name}-2.1.so.7")))?;
    }
    copy_each(&[b.dist.root.join("bin/evoxide-run")], &p.root.join("usr/bin"))?;
    copy_each(&[b.dist.root.join("share/man/man1/evoxide-run.1")], &p.root.join("usr/share/man/man1"))?;
    mode(&p.root.join("usr/bin/evoxide-run"), 0o755)?;
    Ok(p)
}

impl Build<'_> {
    /// An empty package with its documents.
    fn package(
        &self,
        name: &'static str,
        about: &'static str,
        section: &'static str,
        stands_for: Vec<String>,
    ) -> Result<Package, String> {
        let root = self.out.join(name);
        let _ = fs::remove_dir_all(&root);
        tree::make_dir(&root.join("DEBIAN"))?;
        let doc = root.join("usr/share/doc").join(name);
        copy_each(&tree::list(&self.dist.root.join("share/doc/evoxide"), ""), &doc)?;
        let copyright = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
                         Files: *\nCopyright: the evoxide developers\nLicense: MIT or Apache-2.0\n \
                         Both texts are in this folder: LICENSE-MIT and LICENSE-APACHE.\n";
        tree::write(&doc.join("copyright"), copyright)?;
        Ok(Package { name, about, section, depends: String::new(), stands_for, root })
    }

    /// Whether the adaptor to OpenSSL was built.
    fn has_openssl(&self) -> bool {
        self.dist.lib().join(dist::OPENSSL).exists()
    }

    /// The folder of the package's libraries.
    fn lib(&self, p: &Package) -> Result<PathBuf, String> {
        let lib = p.root.join("usr/lib").join(&self.triplet);
        tree::make_dir(&lib)?;
        Ok(lib)
    }

    fn strip(&self, from: &Path, to: &Path) -> Result<(), String> {
        proc::text(Command::new("strip").arg("--strip-unneeded").arg("-o").arg(to).arg(from))?;
        mode(to, 0o644)
    }

    fn strip_archive(&self, from: &Path, to: &Path) -> Result<(), String> {
        proc::text(Command::new("strip").arg("--strip-debug").arg("-o").arg(to).arg(from)).map(|_| ())
    }

    fn control(&self, p: &Package, name: &str, text: &str) -> Result<(), String> {
        tree::write(&p.root.join("DEBIAN").join(name), text)
    }

    /// The manual pages that `wanted` chooses.
    fn manual(&self, p: &Package, wanted: impl Fn(&str) -> bool) -> Result<(), String> {
        let pages = tree::list(&self.dist.root.join("share/man/man3"), ".3");
        let chosen = |page: &PathBuf| wanted(&page.file_name().unwrap_or_default().to_string_lossy());
        let pages: Vec<PathBuf> = pages.into_iter().filter(chosen).collect();
        copy_each(&pages, &p.root.join("usr/share/man/man3"))
    }

    /// Writes the control file and packs.
    fn pack(&self, p: &Package) -> Result<PathBuf, String> {
        for page in tree::list(&p.root.join("usr/share/man/man3"), ".3")
            .into_iter()
            .chain(tree::list(&p.root.join("usr/share/man/man1"), ".1"))
        {
            proc::text(Command::new("gzip").args(["-9nf"]).arg(page))?;
        }
        let names: Vec<&str> = p.stands_for.iter().filter_map(|s| s.split(' ').next()).collect();
        let mut depends: Vec<String> = self.needs(&p.root)?;
        depends.extend((!p.depends.is_empty()).then(|| p.depends.clone()));
        let mut text = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: The evoxide developers <evoxide@invalid>\n\
             Section: {}\nPriority: optional\n",
            p.name, self.version, self.arch, p.section
        );
        if p.section == "libs" {
            text.push_str("Multi-Arch: same\n");
        }
        for (field, value) in [
            ("Depends", depends.join(", ")),
            ("Provides", p.stands_for.join(", ")),
            ("Conflicts", names.join(", ")),
            ("Replaces", names.join(", ")),
        ] {
            if !value.is_empty() {
                let _ = writeln!(text, "{field}: {value}");
            }
        }
        let _ = writeln!(
            text,
            "Description: {}\n Part of evoxide: libevent and libev rebuilt in memory-safe Rust, with the same binary interface.\n \
             Installing the original package again takes this one out.",
            p.about
        );
        self.control(p, "control", &text)?;
        if p.section == "libs" {
            self.control(p, "triggers", "activate-noawait ldconfig\n")?;
        }
        let file = self.out.join(format!("{}_{}_{}.deb", p.name, self.version, self.arch));
        let mut cmd = Command::new("dpkg-deb");
        cmd.args(["--root-owner-group", "-Zgzip", "--build"]).arg(&p.root).arg(&file);
        let done = proc::catch(&mut cmd, Duration::from_secs(600))?;
        if done.ok() { Ok(file) } else { Err(format!("{}: {}\n{}", proc::line(&cmd), done.how(), done.err)) }
    }

    /// The packages that the objects below a folder need: the C library in the newest version that they name, and the
    /// unwinder, which they open where something unwinds through them.
    fn needs(&self, root: &Path) -> Result<Vec<String>, String> {
        let lib = root.join("usr/lib").join(&self.triplet);
        let mut glibc = (0, 0);
        for object in [tree::list(&lib, ""), tree::list(&lib.join("evoxide"), "")].concat() {
            let is_object = object.to_string_lossy().contains(".so.");
            if !is_object || object.is_symlink() {
                continue;
            }
            let text = proc::text(Command::new("objdump").arg("-p").arg(&object))?;
            for version in text.split("GLIBC_").skip(1) {
                let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
                glibc = glibc.max((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)));
            }
        }
        let mut needs = Vec::new();
        if glibc != (0, 0) {
            needs.push(format!("libc6 (>= {}.{})", glibc.0, glibc.1));
            needs.push("libgcc-s1".into());
        }
        Ok(needs)
    }
}

fn link(to: &str, link: &Path) -> Result<(), String> {
    symlink(to, link).map_err(|e| format!("{}: {e}", link.display()))
}

fn mode(file: &Path, mode: u32) -> Result<(), String> {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).map_err(|e| format!("{}: {e}", file.display()))
}
