// The element in a React component.

import "cliplet/react";
import type { ClipletClassifier } from "cliplet/element";
import { useRef } from "react";

export function Classifier({ picture }: { picture: File }) {
  const element = useRef<ClipletClassifier>(null);
  return (
    <>
      <cliplet-classifier ref={element} labels="cat, dog" template="a {}" top-k={2} image={picture} className="wide" />
      {/* @ts-expect-error labels are texts */}
      <cliplet-classifier labels={5} />
    </>
  );
}
