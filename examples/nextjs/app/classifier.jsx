"use client";

import "cliplet/element";
import { useEffect, useRef, useState } from "react";

export function Classifier() {
  const element = useRef(null);
  const [speed, setSpeed] = useState("");
  useEffect(() => {
    const classifier = element.current;
    const tell = async () => {
      const { variant, threads } = (await classifier.load()).info;
      setSpeed(`${variant}, ${threads} threads`);
    };
    classifier.addEventListener("cliplet-result", tell);
    return () => classifier.removeEventListener("cliplet-result", tell);
  }, []);
  return (
    <>
      <cliplet-classifier ref={element} labels="red circle, blue square, green triangle" template="a {}" />
      <p id="speed" role="status">
        {speed}
      </p>
    </>
  );
}
