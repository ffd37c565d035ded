//! The `.pc` files.

use std::path::Path;

use crate::tree;

/// One library's line-up.
struct Entry {
    name: &'static str,
    about: &'static str,
    requires: &'static str,
    private: &'static str,
}

const ENTRIES: [Entry; 5] = [
    Entry { name: "libevent", about: "event loop, buffers, DNS and HTTP", requires: "", private: "-lpthread -ldl -lm" },
    Entry { name: "libevent_core", about: "event loop and buffers", requires: "", private: "-lpthread -ldl -lm" },
    Entry { name: "libevent_extra", about: "DNS, HTTP and RPC", requires: "", private: "-lpthread -ldl -lm" },
    Entry {
        name: "libevent_pthreads",
        about: "POSIX threads for libevent",
        requires: "libevent",
        private: "-lpthread",
    },
    Entry { name: "libevent_openssl", about: "TLS for libevent", requires: "libevent", private: "-lssl -lcrypto" },
];

/// Writes the files; the one for TLS only where that library is there. They find their folder by their own place.
pub fn write_all(dir: &Path, tls: bool) -> Result<(), String> {
    tree::make_dir(dir)?;
    for e in ENTRIES {
        if e.name == "libevent_openssl" && !tls {
            continue;
        }
        let short = e.name.trim_start_matches("lib");
        let text = format!(
            "prefix=${{pcfiledir}}/../..\n\
             exec_prefix=${{prefix}}\n\
             libdir=${{prefix}}/lib\n\
             includedir=${{prefix}}/include\n\n\
             Name: {}\n\
             Description: {}\n\
             Version: 2.1.12-stable\n\
             Requires: {}\n\
             Conflicts:\n\
             Libs: -L${{libdir}} -l{short}\n\
             Libs.private: {}\n\
             Cflags: -I${{includedir}}\n",
            e.name, e.about, e.requires, e.private
        );
        tree::write(&dir.join(format!("{}.pc", e.name)), &text)?;
    }
    Ok(())
}
